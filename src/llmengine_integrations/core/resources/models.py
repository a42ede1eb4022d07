"""Model endpoints."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from typing_extensions import Unpack

from ...wire.models import (
    CreateModelOptions,
    EndpointType,
    InferenceFramework,
    Model,
    ModelDeletion,
    ModelDownload,
    ModelList,
    ModelOrder,
    ModelTask,
    Quantization,
    UpdateModelOptions,
)
from .._operation import Operation, Request, path_segment, set_options
from .._polling import MAX_POLL_INTERVAL, POLL_INTERVAL, JobWatch
from .._resource import Resource, TransportT, endpoint, flow_endpoint
from .._steps import Flow, Now
from ..downloads.model_folder import DownloadProgress, Downloads
from ..errors import InvalidArgumentError, JobFailedError, NotFoundError
from ._endpoint_bodies import (
    CLEAR,
    Clear,
    addressed,
    changes,
    check_framework,
    check_hardware,
    check_labels,
    is_public,
)

if TYPE_CHECKING:
    from .._timeouts import TimeoutLike


class Models(Resource[TransportT]):
    """See the models that the gateway serves, and serve your own."""

    CLEAR: ClassVar[Literal[Clear.CLEAR]] = CLEAR
    """Given to `update`, it takes a setting away; None leaves the setting as it is."""

    @endpoint
    def list(self, name: str | None = None, order_by: ModelOrder | None = None) -> Operation[ModelList]:
        """List your own endpoints and the public ones. `GET /v1/llm/model-endpoints`.

        The reply can be iterated, indexed and measured like a list of `Model`.

        Args:
            name: Only endpoints of this name.
            order_by: "newest", "oldest" or "alphabetical" (today's gateway accepts the last but does not sort by it).
        """
        query = {key: value for key, value in (("name", name), ("order_by", order_by)) if value is not None}
        return Operation(Request(method="GET", path=_PATH, query=query), ModelList)

    @endpoint
    def get(self, name: str) -> Operation[Model]:
        """Return one endpoint. `GET /v1/llm/model-endpoints/{name}`.

        Raises:
            NotFoundError: There is no such endpoint, or the key may not see it.
            InvalidArgumentError: The name is empty or has a slash, which this route cannot match.
        """
        return _get(name)

    @endpoint
    def create(
        self,
        name: str,
        model_name: str,
        *,
        labels: Mapping[str, str],
        min_workers: int = 0,
        max_workers: int = 1,
        per_worker: int = 2,
        metadata: Mapping[str, Any] | None = None,
        inference_framework: InferenceFramework = "vllm",
        endpoint_type: EndpointType = "streaming",
        public_inference: bool = False,
        timeout: TimeoutLike | None = None,
        **options: Unpack[CreateModelOptions],
    ) -> Operation[ModelTask]:
        """Create an endpoint. `POST /v1/llm/model-endpoints`. `wait_until_ready` waits until it can be called.

        It is never sent twice: after an APIConnectionError, see with `get` whether the endpoint is there.

        Args:
            name: The endpoint's name.
            model_name: The model to serve, such as "llama-2-7b".
            labels: Must have `team` and `product`; values are Kubernetes label values.
            min_workers: With 0, the first call after a pause waits until a worker has started.
            max_workers: At most 250.
            per_worker: Requests at once on one worker before another one is started.
            metadata: Data of your own; the key "_llm" is the gateway's.
            inference_framework: The model server.
            endpoint_type: "streaming" serves whole and streamed completions; it is the only type that vLLM, TGI, LightLLM and TensorRT-LLM
                endpoints may have.
            public_inference: Whether everybody may call it. False here, though the gateway itself takes silence for True.
            timeout: Seconds to wait for the next byte, instead of the client's; or an `httpx.Timeout`.
            **options: The fields of `CreateModelOptions`. The hardware (cpus, gpus, memory, gpu_type, storage, nodes_per_worker) is given
                whole or left to the gateway.

        Raises:
            InvalidArgumentError: The labels, the hardware or an option cannot be right; nothing was sent.
            BadRequestError: The name is taken, or the gateway refuses a field.
            NotFoundError: There is no image of this tag.
            ServerError: The hardware cannot be inferred, or the model is unknown and no `checkpoint_path` is given.
        """
        path_segment(name, "model name")  # an endpoint that no other route could reach
        chosen = set_options(options, CreateModelOptions)
        check_labels(labels)
        check_hardware(chosen)
        check_framework(inference_framework, chosen)
        body = {
            "name": name,
            "model_name": model_name,
            "labels": dict(labels),
            "metadata": dict(metadata or {}),
            "min_workers": min_workers,
            "max_workers": max_workers,
            "per_worker": per_worker,
            "inference_framework": inference_framework,
            "endpoint_type": endpoint_type,
            "public_inference": public_inference,
        }
        request = Request(method="POST", path=_PATH, json=body | chosen, repeatable=False, timeout=timeout)
        return Operation(request, ModelTask)

    @flow_endpoint
    def update(
        self,
        name: str,
        *,
        public_inference: bool | None = None,
        inference_framework: InferenceFramework | None = None,
        checkpoint_path: str | Clear | None = None,
        quantize: Quantization | Clear | None = None,
        chat_template_override: str | Clear | None = None,
        timeout: TimeoutLike | None = None,
        **options: Unpack[UpdateModelOptions],
    ) -> Flow[ModelTask]:
        """Change an endpoint; what is not given stays as it is. `PUT /v1/llm/model-endpoints/{name}`.

        The gateway makes public whatever an update does not call private. So this reads the endpoint first, and sends along what it is,
        unless `public_inference` is given. It is never sent twice.

        Args:
            name: The endpoint's name.
            public_inference: Whether everybody may call it; as it is by default.
            inference_framework: The endpoint's framework, which an update cannot change: needed for frameworks other than vLLM when
                `public_inference` is given, since the endpoint is not read then.
            checkpoint_path: Where the weights are; `CLEAR` goes back to the catalogue's.
            quantize: How the weights are quantized; `CLEAR` for not at all.
            chat_template_override: A Jinja template of up to 10,000 characters; `CLEAR` goes back to the tokenizer's own.
            timeout: Seconds to wait for the next byte, instead of the client's; or an `httpx.Timeout`.
            **options: The fields of `UpdateModelOptions`.

        Raises:
            InvalidArgumentError: There is nothing to change, the labels or an option cannot be right, or the gateway does not say whether
                the endpoint is public.
            NotFoundError: There is no such endpoint, or it is not yours.
            BadRequestError: The gateway refuses a field.
        """
        body = changes(
            set_options(options, UpdateModelOptions),
            {
                "checkpoint_path": checkpoint_path,
                "quantize": quantize,
                "chat_template_override": chat_template_override,
            },
        )
        if not body and public_inference is None:
            raise InvalidArgumentError("There is nothing to change.")
        if public_inference is None:
            current: Model = yield _get(name)
            inference_framework = inference_framework or current.inference_framework
            public_inference = is_public(current)
        body = addressed(body, inference_framework, public=public_inference)
        request = Request(method="PUT", path=_path(name), json=body, repeatable=False, timeout=timeout)
        task: ModelTask = yield Operation(request, ModelTask)
        return task

    @flow_endpoint
    def delete(self, name: str, *, missing_ok: bool = False) -> Flow[ModelDeletion]:
        """Delete an endpoint. `DELETE /v1/llm/model-endpoints/{name}`.

        Args:
            name: The endpoint's name.
            missing_ok: Whether it is fine that there is no such endpoint; the reply's `deleted` says which.

        Raises:
            NotFoundError: There is no such endpoint.
            PermissionDeniedError: It is not yours.
            ConflictError: Another operation on it is in progress.
        """
        try:
            reply: ModelDeletion = yield Operation(Request(method="DELETE", path=_path(name)), ModelDeletion)
        except NotFoundError:
            if not missing_ok:
                raise
            return ModelDeletion(deleted=False)
        if not reply.deleted and not missing_ok:
            raise NotFoundError(f"There is no endpoint {name!r} to delete.", body=reply.model_dump())
        return reply

    @flow_endpoint
    def wait_until_ready(
        self,
        name: str,
        *,
        poll_interval: float = POLL_INTERVAL,
        max_poll_interval: float = MAX_POLL_INTERVAL,
        timeout: float | None = None,
        missing_for: float = 60.0,
        on_status: Callable[[Model], object] | None = None,
    ) -> Flow[Model]:
        """Wait until an endpoint can be called, and return it. `GET /v1/llm/model-endpoints/{name}`, again and again.

        Args:
            name: The endpoint's name.
            poll_interval: Seconds until the second look; each pause is half as long again as the one before.
            max_poll_interval: Seconds that the pauses grow to.
            timeout: Seconds to wait in all; for ever by default.
            missing_for: Seconds for which it may not be there yet: a new endpoint takes a while to show.
            on_status: Called with the endpoint whenever its status is a new one, the first included.

        Raises:
            JobFailedError: It could not be built (UPDATE_FAILED), or is being deleted.
            JobTimeoutError: Time is up; the gateway goes on.
            NotFoundError: There is no such endpoint, and after `missing_for` seconds there is still none.
        """
        watch: JobWatch[Model] = JobWatch(
            f"Endpoint {name}",
            lambda: _appearing(watch, name, missing_for),
            poll_interval=poll_interval,
            max_poll_interval=max_poll_interval,
            timeout=timeout,
            on_status=on_status,
        )
        model = yield from watch.done()
        if not model.ready:
            reason = model.spec.status_reason if model.spec else None
            message = f"Endpoint {name} ended with status {model.status}{f': {reason}' if reason else '.'}"
            raise JobFailedError(message, job=model)
        return model

    @endpoint
    def download_urls(self, name: str, *, download_format: str | None = None) -> Operation[ModelDownload]:
        """Return URLs of a fine-tuned model's files; each is good for an hour, for anyone. `POST /v1/llm/model-endpoints/download`.

        Args:
            name: The fine-tuned model's name.
            download_format: "hugging_face" by default.

        Raises:
            NotFoundError: There is no such model of your team.
        """
        return _urls(name, download_format)

    @flow_endpoint
    def download(
        self,
        name: str,
        to: str | os.PathLike[str],
        *,
        download_format: str | None = None,
        max_concurrency: int = 4,
        max_retries: int = 5,
        overwrite: bool = False,
        allow_http: bool = False,
        on_progress: DownloadProgress | None = None,
        timeout: TimeoutLike | None = None,
    ) -> Flow[dict[str, Path]]:
        """Download a fine-tuned model's files into a folder; return where each is. `POST /v1/llm/model-endpoints/download`, first.

        The files grow as `*.part` and appear when all are whole. What a cut leaves is gone on with, in this call or in a later one, where
        the storage can do that and the file is still the same. The storage is sent no credentials of yours.

        Args:
            name: The fine-tuned model's name.
            to: The folder; it is made if need be. File names that could leave it, or that some system cannot hold, are changed.
            download_format: "hugging_face" by default.
            max_concurrency: Files at a time.
            max_retries: Tries in a row that may bring a file no new bytes.
            overwrite: Whether to replace files that are there.
            allow_http: Whether to fetch from URLs that are not encrypted; those to this machine itself always are fetched.
            on_progress: Called with a file's name, the bytes of it that are there, and its bytes in all (None if that is not known);
                never twice at the same time.
            timeout: Seconds to wait for the storage's next byte, 60 by default; or an `httpx.Timeout`.

        Raises:
            NotFoundError: There is no such model of your team.
            FileExistsError: One of the files is there already, or another download is writing it.
            InvalidResponseError: A URL is not encrypted, or a reply makes no sense.
            APIStatusError: The storage refuses: PermissionDeniedError even with new URLs, for example.
            APIConnectionError: The storage cannot be reached, or breaks off time and again.
            OSError: A file cannot be written.
        """
        renew = _urls(name, download_format)
        reply: ModelDownload = yield renew
        files: dict[str, Path] = yield Downloads(
            urls=reply.urls,
            to=Path(to),
            renew=renew,
            max_concurrency=max_concurrency,
            max_retries=max_retries,
            overwrite=overwrite,
            allow_http=allow_http,
            on_progress=on_progress,
            timeout=timeout,
        )
        return files


_PATH = "/v1/llm/model-endpoints"


def _path(name: str) -> str:
    return f"{_PATH}/{path_segment(name, 'model name')}"


def _get(name: str) -> Operation[Model]:
    return Operation(Request(method="GET", path=_path(name)), Model)


def _urls(name: str, download_format: str | None) -> Operation[ModelDownload]:
    if not name:
        raise InvalidArgumentError("The model's name is empty.")
    body = {"model_name": name} | ({} if download_format is None else {"download_format": download_format})
    return Operation(Request(method="POST", path=f"{_PATH}/download", json=body), ModelDownload)


def _appearing(watch: JobWatch[Model], name: str, missing_for: float) -> Flow[Model]:
    """Look at an endpoint that may not be there yet."""
    begun: float = yield Now()
    while True:
        try:
            return (yield from watch.send(_get(name)))
        except NotFoundError:
            now: float = yield Now()
            if watch.job is not None or now - begun >= missing_for:
                raise
        yield from watch.pause()
