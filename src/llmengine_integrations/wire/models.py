"""Bodies of the routes under `/v1/llm/model-endpoints`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Required, TypeAlias

from pydantic import Field
from typing_extensions import TypedDict

from ._base import ListReply, Reply
from .model_args import SGLangArgs, VLLMArgs

InferenceFramework = (
    Literal["vllm", "text_generation_inference", "deepspeed", "lightllm", "tensorrt_llm", "sglang"] | str
)
"""The model server behind the gateway. Any other string is a framework that this version does not know."""

EndpointStatus = (
    Literal["READY", "UPDATE_PENDING", "UPDATE_IN_PROGRESS", "UPDATE_FAILED", "DELETE_IN_PROGRESS", "UNKNOWN"] | str
)
"""The state of an endpoint; "UNKNOWN" if the server does not say."""
EndpointType = Literal["async", "sync", "streaming"] | str
Quantization = Literal["bitsandbytes", "awq"] | str
ModelOrder = Literal["newest", "oldest", "alphabetical"]
"""The orders that `models.list` accepts; today's gateway accepts "alphabetical" but does not sort by it."""
GpuType = (
    Literal[
        "nvidia-tesla-t4",
        "nvidia-ampere-a10",
        "nvidia-ampere-a100",
        "nvidia-ampere-a100e",
        "nvidia-hopper-h100",
        "nvidia-hopper-h100-1g20gb",
        "nvidia-hopper-h100-3g40gb",
    ]
    | str
)
"""The GPUs that the gateway knows; it refuses "nvidia-ampere-a100e" for endpoints."""


class BasicCallbackAuth(TypedDict):
    """A user name and a password for the callback of an async endpoint."""

    kind: Literal["basic"]
    username: str
    password: str


class MTLSCallbackAuth(TypedDict):
    """A client certificate and its key, both PEM, for the callback of an async endpoint."""

    kind: Literal["mtls"]
    cert: str
    key: str


CallbackAuth: TypeAlias = Annotated[BasicCallbackAuth | MTLSCallbackAuth, Field(discriminator="kind")]


class HardwareOptions(TypedDict, total=False):
    """What each worker runs on. On creation all of them or none: with none the gateway infers them from the model."""

    cpus: str | float | None
    """CPUs, a Kubernetes quantity: 8, "8" or "500m"."""
    gpus: int | None
    """GPUs; must equal `num_shards`."""
    memory: str | float | None
    """Main memory, a Kubernetes quantity: "24Gi"."""
    gpu_type: GpuType | None
    storage: str | float | None
    """Disk, a Kubernetes quantity: "40Gi"."""
    nodes_per_worker: int | None
    """Machines that form one worker; more than 1 with vLLM only. An update does not change it."""


class EndpointOptions(HardwareOptions, VLLMArgs, SGLangArgs, total=False):
    """The optional fields that creating and updating an endpoint share. A field that is absent or None is left to the server."""

    source: Literal["hugging_face"] | str | None
    inference_framework_image_tag: str | None
    """The version of the model server's image; "latest" by default."""
    num_shards: int | None
    """GPUs that share the model; 1 by default. Must equal `gpus`."""
    post_inference_hooks: list[str] | None
    optimize_costs: bool | None
    prewarm: bool | None
    high_priority: bool | None
    billing_tags: dict[str, Any] | None
    default_callback_url: str | None
    default_callback_auth: CallbackAuth | None
    task_expires_seconds: Annotated[int, Field(ge=1)] | None
    """Seconds, 1 or more."""
    enable_startup_metrics: bool | None
    queue_message_timeout_seconds: Annotated[int, Field(ge=1, le=43200)] | None
    """Seconds, 1 to 43,200."""


class ClearableOptions(TypedDict, total=False):
    """The fields that an update can clear: there, null on the wire says "none", and has the endpoint built anew."""

    checkpoint_path: str | None
    """Where the weights are, s3://, azure:// or gs://, no archive; known to the gateway for the models of its catalogue."""
    quantize: Quantization | None
    chat_template_override: Annotated[str, Field(max_length=10000)] | None
    """A Jinja template instead of the tokenizer's own, up to 10,000 characters. vLLM only."""


class CreateModelOptions(EndpointOptions, ClearableOptions, total=False):
    """The optional fields of `POST /v1/llm/model-endpoints`."""


class CreateModelRequest(CreateModelOptions, total=False):
    """The whole body of `POST /v1/llm/model-endpoints`."""

    name: Required[str]
    model_name: Required[str]
    metadata: Required[dict[str, Any]]
    min_workers: Required[int]
    max_workers: Required[int]
    per_worker: Required[int]
    labels: Required[dict[str, str]]
    inference_framework: InferenceFramework
    endpoint_type: EndpointType
    public_inference: bool | None


class UpdateModelOptions(EndpointOptions, total=False):
    """The fields of an update that are either given or left as they are."""

    model_name: str | None
    metadata: dict[str, Any] | None
    """Replaces the endpoint's metadata; the key "_llm" is the gateway's own."""
    min_workers: int | None
    max_workers: int | None
    """At most 250."""
    per_worker: int | None
    labels: dict[str, str] | None
    """Replaces the endpoint's labels; needs `team` and `product`."""
    force_bundle_recreation: bool | None
    """Whether to build the endpoint anew even if nothing asks for it."""


class UpdateModelRequest(UpdateModelOptions, ClearableOptions, total=False):
    """The whole body of `PUT /v1/llm/model-endpoints/{name}`."""

    inference_framework: InferenceFramework
    public_inference: bool | None
    """True where absent: what leaves it out makes a private endpoint public."""


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

    id: str | None = None
    name: str | None = None
    endpoint_type: EndpointType | None = None
    destination: str | None = None
    deployment_name: str | None = None
    metadata: dict[str, Any] | None = None
    bundle_name: str | None = None
    status: EndpointStatus | None = None
    status_reason: str | None = None
    post_inference_hooks: list[str] | None = None
    default_callback_url: str | None = None
    default_callback_auth: dict[str, Any] | None = Field(default=None, repr=False)
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
    """A model endpoint. A hosted service may leave out all but its name."""

    id: str | None = None
    name: str
    model_name: str | None = None
    source: str = "hugging_face"
    status: EndpointStatus = "UNKNOWN"
    inference_framework: InferenceFramework = "unknown"
    inference_framework_image_tag: str | None = None
    num_shards: int | None = None
    quantize: Quantization | None = None
    checkpoint_path: str | None = None
    chat_template_override: str | None = None
    task_expires_seconds: int | None = None
    queue_message_timeout_seconds: int | None = None
    spec: EndpointSpec | None = None

    @property
    def ready(self) -> bool:
        """Whether it can be called."""
        return self.status == "READY"

    @property
    def done(self) -> bool:
        """Whether the gateway has finished building it, or has given up."""
        return self.status in {"READY", "UPDATE_FAILED", "DELETE_IN_PROGRESS"}


class ModelList(ListReply[Model]):
    """The reply of `GET /v1/llm/model-endpoints`."""

    model_endpoints: list[Model]

    @property
    def items(self) -> list[Model]:
        """The endpoints."""
        return self.model_endpoints


class ModelTask(Reply):
    """The reply to creating or updating an endpoint: the gateway goes on working, `models.wait_until_ready` waits for it."""

    endpoint_creation_task_id: str
    """No route takes this id."""


class ModelDeletion(Reply):
    """The reply of `DELETE /v1/llm/model-endpoints/{name}`."""

    deleted: bool


class ModelDownload(Reply):
    """The reply of `POST /v1/llm/model-endpoints/download`."""

    urls: dict[str, str] = Field(repr=False)
    """File names, each with a URL that lets whoever has it fetch the file for an hour."""
