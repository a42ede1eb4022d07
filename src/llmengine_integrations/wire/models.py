"""Bodies of the routes under `/v1/llm/model-endpoints`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from ._base import ListReply, Reply

InferenceFramework = (
    Literal["vllm", "text_generation_inference", "deepspeed", "lightllm", "tensorrt_llm", "sglang"] | str
)
"""What serves a model behind the gateway. Any other string is a framework that this version does not know."""

EndpointStatus = Literal["READY", "UPDATE_PENDING", "UPDATE_IN_PROGRESS", "UPDATE_FAILED", "DELETE_IN_PROGRESS"] | str
EndpointType = Literal["async", "sync", "streaming"] | str
Quantization = Literal["bitsandbytes", "awq"] | str
ModelOrder = Literal["newest", "oldest", "alphabetical"]
"""The orders that `models.list` accepts; today's gateway accepts "alphabetical" but does not sort by it."""


class DeploymentState(Reply):
    """How many workers an endpoint may have and has."""

    min_workers: int
    max_workers: int
    per_worker: int
    concurrent_requests_per_worker: int | None = None
    forwarder_max_concurrency: int | None = None
    available_workers: int | None = None
    unavailable_workers: int | None = None


class ResourceState(Reply):
    """What each worker of an endpoint runs on. CPUs, memory and storage are Kubernetes quantities ("40Gi")."""

    cpus: str | float
    gpus: int
    memory: str | float
    gpu_type: str | None = None
    storage: str | float | None = None
    nodes_per_worker: int | None = None
    optimize_costs: bool | None = None


class EndpointSpec(Reply):
    """How an endpoint is deployed."""

    id: str
    name: str
    endpoint_type: EndpointType
    destination: str | None = None
    deployment_name: str | None = None
    metadata: dict[str, Any] | None = None
    bundle_name: str | None = None
    status: EndpointStatus | None = None
    status_reason: str | None = None
    post_inference_hooks: list[str] | None = None
    default_callback_url: str | None = None
    default_callback_auth: dict[str, Any] | None = None
    labels: dict[str, str] | None = None
    aws_role: str | None = None
    results_s3_bucket: str | None = None
    created_by: str | None = None
    created_at: datetime | None = None
    last_updated_at: datetime | None = None
    deployment_state: DeploymentState | None = None
    resource_state: ResourceState | None = None
    num_queued_items: int | None = None
    public_inference: bool | None = None
    task_expires_seconds: int | None = None
    queue_message_timeout_seconds: int | None = None


class Model(Reply):
    """A model endpoint. A hosted service may leave out all but name, source, status and framework."""

    id: str | None = None
    name: str
    model_name: str | None = None
    source: str = "hugging_face"
    status: EndpointStatus
    inference_framework: InferenceFramework
    inference_framework_image_tag: str | None = None
    num_shards: int | None = None
    quantize: Quantization | None = None
    checkpoint_path: str | None = None
    chat_template_override: str | None = None
    task_expires_seconds: int | None = None
    queue_message_timeout_seconds: int | None = None
    spec: EndpointSpec | None = None


class ModelList(ListReply[Model]):
    """The reply of `GET /v1/llm/model-endpoints`."""

    model_endpoints: list[Model]

    @property
    def items(self) -> list[Model]:
        """The endpoints."""
        return self.model_endpoints
