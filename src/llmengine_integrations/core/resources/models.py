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
    """List the models that the gateway serves, and serve your own."""

    CLEAR: ClassVar[Literal[Clear.CLEAR]] = CLEAR
    """In `update`, it removes a setting; None leaves the setting unchanged."""

    @endpoint
    def list(self, name: str | None = None, order_by: ModelOrder | None = None) -> Operation[ModelList]:
        """List your own endpoints and the public ones. `GET /v1/llm/model-endpoints`.

        The reply can be iterated, indexed and measured like a list of `Model`.

        Args:
            name: Only endpoints with this name.
            order_by: "newest", "oldest" or "alphabetical" (today's gateway accepts the last but does not sort by it).
        """
        query = {key: value for key, value in (("name", name), ("order_by", order_by)) if value is not None}
        return Operation(Request(method="GET", path=_PATH, query=query), ModelList)

    @endpoint
    def get(self, name: str) -> Operation[Model]:
        """Return one endpoint. `GET /v1/llm/model-endpoints/{name}`.

        Raises:
            NotFoundError: The endpoint does not exist, or the key may not see it.
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

        It is never sent twice. After an APIConnectionError, use `get` to see whether the endpoint exists.

        Args:
            name: The endpoint's name.
            model_name: The model to serve, such as "llama-2-7b".
            labels: Must contain `team` and `product`; values are Kubernetes label values.
            min_workers: With 0, the first call after a pause waits until a worker has started.
            max_workers: At most 250.
            per_worker: Concurrent requests on one worker before another one is started.
            metadata: Your own data; the key "_llm" is the gateway's.
            inference_framework: The model server.
            endpoint_type: "streaming" serves whole and streamed completions; it is the only type that vLLM, TGI, LightLLM and TensorRT-LLM
                endpoints may have.
            public_inference: Whether everybody may call it. False by default here; the gateway's own default is True.
            timeout: Seconds to wait for the next byte, instead of the client's; or an `httpx.Timeout`.
            **options: The fields of `CreateModelOptions`. Give all of the hardware (cpus, gpus, memory, gpu_type, storage,
                nodes_per_worker), or leave it to the gateway.

        Raises:
            InvalidArgumentError: The labels, the hardware or an option cannot be right; nothing was sent.
            BadRequestError: The name is taken, or the gateway refuses a field.
            NotFoundError: No image has this tag.
            ServerError: The hardware cannot be inferred, or the model is unknown and no `checkpoint_path` is given.
        """
        path_segment(name, "model name")  # otherwise no other route could reach the endpoint
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
        """Change an endpoint; values that are not given are unchanged. `PUT /v1/llm/model-endpoints/{name}`.

        The gateway makes an endpoint public unless the update says that it is private. So unless `public_inference` is given, this reads
        the endpoint first, and sends its current value. It is never sent twice.

        Args:
            name: The endpoint's name.
            public_inference: Whether everybody may call it; unchanged by default.
            inference_framework: The endpoint's framework, which an update cannot change: needed for frameworks other than vLLM when
                `public_inference` is given, since the endpoint is not read then.
            checkpoint_path: Where the weights are; `CLEAR` returns to the catalogue's.
            quantize: How the weights are quantized; `CLEAR` means not at all.
            chat_template_override: A Jinja template of up to 10,000 characters; `CLEAR` returns to the tokenizer's own.
            timeout: Seconds to wait for the next byte, instead of the client's; or an `httpx.Timeout`.
            **options: The fields of `UpdateModelOptions`.

        Raises:
            InvalidArgumentError: There is nothing to change, the labels or an option cannot be right, or the gateway does not say whether
                the endpoint is public.
            NotFoundError: The endpoint does not exist, or is not yours.
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
            missing_ok: Whether a missing endpoint is not an error. The reply's `deleted` is False then.

        Raises:
            NotFoundError: The endpoint does not exist.
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
        """Wait until an endpoint can be called, and return it. Polls `GET /v1/llm/model-endpoints/{name}`.

        Args:
            name: The endpoint's name.
            poll_interval: Seconds until the second poll; each pause is 1.5 times the one before.
            max_poll_interval: The longest pause, in seconds.
            timeout: The total time to wait, in seconds; no limit by default.
            missing_for: Seconds for which it may be missing, because a new endpoint takes a while to appear.
            on_status: Called with the endpoint whenever its status changes, and with its first status.

        Raises:
            JobFailedError: It could not be built (UPDATE_FAILED), or is being deleted.
            JobTimeoutError: Time is up; the gateway keeps working.
            NotFoundError: The endpoint still does not exist after `missing_for` seconds.
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
        """Return URLs of a fine-tuned model's files. Anyone can use a URL for an hour. `POST /v1/llm/model-endpoints/download`.

        Args:
            name: The fine-tuned model's name.
            download_format: "hugging_face" by default.

        Raises:
            NotFoundError: Your team has no such model.
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
        """Download a fine-tuned model's files into a folder, and return their paths. First, `POST /v1/llm/model-endpoints/download`.

        The files grow as `*.part` and appear when all are complete. After a break, a file is resumed, in this call or in a later one, if
        the storage supports that and the file is still the same. None of your credentials are sent to the storage.

        Args:
            name: The fine-tuned model's name.
            to: The folder; created if missing. File names that could leave it, or that some system cannot store, are changed.
            download_format: "hugging_face" by default.
            max_concurrency: The number of files at a time.
            max_retries: The number of tries in a row that may bring a file no new bytes.
            overwrite: Whether to replace existing files.
            allow_http: Whether to fetch from unencrypted URLs. Those to this machine itself are always allowed.
            on_progress: Called with a file's name, its bytes so far, and its size (None if that is not known); never twice at the same
                time.
            timeout: Seconds to wait for the storage's next byte, 60 by default; or an `httpx.Timeout`.

        Raises:
            NotFoundError: Your team has no such model.
            FileExistsError: One of the files exists already, or another download is writing it.
            InvalidResponseError: A URL is not encrypted, or a reply makes no sense.
            APIStatusError: The storage refuses. For example, a PermissionDeniedError even with new URLs.
            APIConnectionError: The storage cannot be reached, or the connection breaks repeatedly.
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
    """Fetch an endpoint that may not exist yet."""
    begun: float = yield Now()
    while True:
        try:
            return (yield from watch.send(_get(name)))
        except NotFoundError:
            now: float = yield Now()
            if watch.job is not None or now - begun >= missing_for:
                raise
        yield from watch.pause()
