"""Upstream's `Model`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.resources.models import Models
from ..wire.models import ModelOrder
from ._call import Call, method
from ._enums import (
    GpuType,
    LLMInferenceFramework,
    LLMSource,
    ModelEndpointType,
    PostInferenceHooks,
    Quantization,
)
from ._responses import (
    CreateLLMEndpointResponse,
    DeleteLLMEndpointResponse,
    GetLLMEndpointResponse,
    ListLLMEndpointsResponse,
    ModelDownloadResponse,
    UpdateLLMEndpointResponse,
)
from .api_engine import Headers


class Model:
    """List the models that the gateway serves, and serve your own. Each call has an async version, such as `acreate`."""

    @method
    def create(
        self,
        /,
        name: str,
        model: str,
        inference_framework_image_tag: str,
        source: LLMSource | str = LLMSource.HUGGING_FACE,
        inference_framework: LLMInferenceFramework | str = LLMInferenceFramework.VLLM,
        num_shards: int = 1,
        quantize: Quantization | str | None = None,
        checkpoint_path: str | None = None,
        max_model_len: int | None = None,
        cpus: str | float | None = None,
        memory: str | float | None = None,
        storage: str | float | None = None,
        gpus: int | None = None,
        nodes_per_worker: int = 1,
        min_workers: int = 0,
        max_workers: int = 1,
        per_worker: int = 2,
        endpoint_type: ModelEndpointType | str = ModelEndpointType.STREAMING,
        gpu_type: GpuType | str | None = None,
        high_priority: bool | None = False,
        post_inference_hooks: Sequence[PostInferenceHooks | str] | None = None,
        default_callback_url: str | None = None,
        public_inference: bool | None = True,
        labels: Mapping[str, str] | None = None,
        request_headers: Headers = None,
        **extra_kwargs: Any,
    ) -> Call[CreateLLMEndpointResponse]:
        """Create an endpoint. `POST /v1/llm/model-endpoints`. It is never sent twice; `get` shows when the endpoint is READY.

        Args:
            name: The endpoint's name.
            model: The model to serve, such as "llama-2-7b".
            inference_framework_image_tag: The version of the model server's image.
            source: Where the model comes from.
            inference_framework: The model server.
            num_shards: GPUs that share the model; must equal `gpus`.
            quantize: How to quantize the weights.
            checkpoint_path: Where the weights are (s3://, azure:// or gs://), for a model whose location the gateway does not know.
            max_model_len: The maximum number of tokens of prompt and output together.
            cpus: CPUs of a worker. Give cpus, memory, storage, gpus and gpu_type together, or none of them; then the gateway chooses.
            memory: Main memory of a worker, such as "24Gi".
            storage: Disk of a worker, such as "40Gi".
            gpus: GPUs of a worker.
            nodes_per_worker: Machines that form a worker; sent only together with the rest of the hardware.
            min_workers: The minimum number of workers.
            max_workers: The maximum number of workers, up to 250.
            per_worker: Concurrent requests on one worker before another one is started.
            endpoint_type: Language models stream.
            gpu_type: The kind of GPU.
            high_priority: Whether the endpoint gets nodes that are kept ready.
            post_inference_hooks: What happens to results of an async endpoint.
            default_callback_url: Where its results are sent.
            public_inference: Whether everybody may call it. True by default, as in upstream and the gateway; in `Client.models.create`,
                False.
            labels: Required: `team` and `product`.
            request_headers: Headers of this call.
            **extra_kwargs: Other fields of `llmengine_integrations.wire.models.CreateModelOptions`.

        Raises:
            InvalidArgumentError: Labels are missing, the hardware is incomplete, or an option belongs to another framework.
            BadRequestError: The name is taken, or the gateway refuses a field.
            ServerError: The model is unknown and there is no `checkpoint_path`.
        """
        hardware: dict[str, Any] = {
            "cpus": cpus,
            "memory": memory,
            "storage": storage,
            "gpus": gpus,
            "gpu_type": gpu_type,
        }
        if nodes_per_worker != 1 or any(value is not None for value in hardware.values()):
            hardware["nodes_per_worker"] = nodes_per_worker
        steps = Models.create.build(
            None,
            name,
            model,
            labels=labels or {},
            inference_framework_image_tag=inference_framework_image_tag,
            source=source,
            inference_framework=inference_framework,
            num_shards=num_shards,
            quantize=quantize,
            checkpoint_path=checkpoint_path,
            max_model_len=max_model_len,
            min_workers=min_workers,
            max_workers=max_workers,
            per_worker=per_worker,
            endpoint_type=endpoint_type,
            high_priority=high_priority,
            post_inference_hooks=_strings(post_inference_hooks),
            default_callback_url=default_callback_url,
            public_inference=True if public_inference is None else public_inference,
            **hardware,
            **extra_kwargs,
        )
        return Call(steps, CreateLLMEndpointResponse, request_headers)

    @method
    def get(self, model: str, request_headers: Headers = None) -> Call[GetLLMEndpointResponse]:
        """Return one endpoint. `GET /v1/llm/model-endpoints/{name}`.

        Raises:
            NotFoundError: The endpoint does not exist, or the key may not see it.
            InvalidArgumentError: The name is empty or has a slash, which this route cannot match.
        """
        return Call(Models.get.build(None, model), GetLLMEndpointResponse, request_headers)

    @method
    def list(
        self, request_headers: Headers = None, *, name: str | None = None, order_by: ModelOrder | None = None
    ) -> Call[ListLLMEndpointsResponse]:
        """List your own endpoints and the public ones. `GET /v1/llm/model-endpoints`.

        Args:
            request_headers: Headers of this call.
            name: Only endpoints with this name. Upstream has neither this nor the next.
            order_by: "newest" or "oldest".
        """
        return Call(Models.list.build(None, name, order_by), ListLLMEndpointsResponse, request_headers)

    @method
    def update(
        self,
        /,
        name: str,
        model: str | None = None,
        inference_framework_image_tag: str | None = None,
        source: LLMSource | str | None = None,
        num_shards: int | None = None,
        quantize: Quantization | str | None = None,
        checkpoint_path: str | None = None,
        cpus: str | float | None = None,
        memory: str | float | None = None,
        storage: str | float | None = None,
        gpus: int | None = None,
        min_workers: int | None = None,
        max_workers: int | None = None,
        per_worker: int | None = None,
        endpoint_type: ModelEndpointType | str | None = None,
        gpu_type: GpuType | str | None = None,
        high_priority: bool | None = None,
        post_inference_hooks: Sequence[PostInferenceHooks | str] | None = None,
        default_callback_url: str | None = None,
        public_inference: bool | None = None,
        labels: Mapping[str, str] | None = None,
        request_headers: Headers = None,
        **extra_kwargs: Any,
    ) -> Call[UpdateLLMEndpointResponse]:
        """Change an endpoint; arguments that are None leave their values unchanged. `PUT /v1/llm/model-endpoints/{name}`.

        Unless `public_inference` is given, the endpoint is read first (`GET`), and stays as public or private as it is. The arguments are
        those of `create`, except that `endpoint_type`, which cannot be changed, is left out with a warning. `extra_kwargs` are other fields
        of `llmengine_integrations.wire.models.UpdateModelOptions`, and `inference_framework`, which endpoints of frameworks other than vLLM
        need if `public_inference` is given.

        Raises:
            InvalidArgumentError: There is nothing to change, or the labels or an option cannot be right.
            NotFoundError: The endpoint does not exist, or is not yours.
        """
        if endpoint_type is not None:
            warnings.warn("An update cannot change an endpoint's type; endpoint_type is left out.", stacklevel=3)
        steps = Models.update.build(
            None,
            name,
            model_name=model,
            inference_framework_image_tag=inference_framework_image_tag,
            source=source,
            num_shards=num_shards,
            quantize=quantize,
            checkpoint_path=checkpoint_path,
            cpus=cpus,
            memory=memory,
            storage=storage,
            gpus=gpus,
            min_workers=min_workers,
            max_workers=max_workers,
            per_worker=per_worker,
            gpu_type=gpu_type,
            high_priority=high_priority,
            post_inference_hooks=_strings(post_inference_hooks),
            default_callback_url=default_callback_url,
            public_inference=public_inference,
            labels=None if labels is None else dict(labels),
            **extra_kwargs,
        )
        return Call(steps, UpdateLLMEndpointResponse, request_headers)

    @method
    def delete(self, model_endpoint_name: str, request_headers: Headers = None) -> Call[DeleteLLMEndpointResponse]:
        """Delete an endpoint. `DELETE /v1/llm/model-endpoints/{name}`.

        Raises:
            NotFoundError: The endpoint does not exist.
            PermissionDeniedError: It is not yours.
        """
        return Call(Models.delete.build(None, model_endpoint_name), DeleteLLMEndpointResponse, request_headers)

    @method
    def download(
        self, model_name: str, download_format: str = "hugging_face", request_headers: Headers = None
    ) -> Call[ModelDownloadResponse]:
        """Return URLs of a fine-tuned model's files. Anyone can use a URL for an hour. `POST /v1/llm/model-endpoints/download`.

        `Client.models.download` fetches them.

        Raises:
            NotFoundError: Your team has no such model.
        """
        steps = Models.download_urls.build(None, model_name, download_format=download_format)
        return Call(steps, ModelDownloadResponse, request_headers)

    acreate = create.awaited
    aget = get.awaited
    alist = list.awaited  # noqa: A003 - the method above, not the builtin
    aupdate = update.awaited
    adelete = delete.awaited
    adownload = download.awaited


def _strings(hooks: Sequence[PostInferenceHooks | str] | None) -> list[str] | None:
    return None if hooks is None else [str(hook) for hook in hooks]
