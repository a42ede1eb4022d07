"""Bodies of `POST /v1/llm/batch-completions` and of the routes under `/v2/batch-completions`, and the files of batch jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Required, TypeAlias

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from ._base import Reply
from .chat import ChatOptions
from .chat_messages import ChatMessageParam
from .completions import PromptOptions
from .model_args import VLLMModelArgs
from .models import HardwareOptions
from .text_completions import TextCompletionOptions, TextPrompt

BatchStatus = Literal["queued", "running", "completed", "failed", "cancelled", "unknown"] | str
"""The state of a job. Any other string is a status that this version does not know."""

ENDED = frozenset({"completed", "failed", "cancelled"})
"""The final statuses."""


class PromptBatchOptions(PromptOptions, total=False):
    """The optional settings of a batch of prompts. A field that is absent or None is left to the server."""

    skip_special_tokens: bool | None
    """Whether to leave special tokens out of the text; True by default."""


class PromptBatch(PromptBatchOptions, total=False):
    """Prompts that share their settings."""

    prompts: Required[list[str]]
    max_new_tokens: int
    """Tokens to generate at most for each prompt; 256 by default."""
    temperature: Annotated[float, Field(ge=0.0, le=1.0)]
    """0 (the likeliest token each time) to 1 (as the model would have it); 0.2 by default."""


class PromptBatchContent(PromptBatchOptions, total=False):
    """The same as it is on the wire and in input files, where nothing has a default."""

    prompts: Required[list[str]]
    max_new_tokens: Required[int]
    temperature: Required[Annotated[float, Field(ge=0.0, le=1.0)]]


class BatchChatRequest(ChatOptions, total=False):
    """One of a batch's chat requests."""

    messages: Required[Annotated[list[ChatMessageParam], Field(min_length=1)]]
    model: str | None
    """Not needed: the job has one model."""


class BatchTextRequest(TextCompletionOptions, total=False):
    """One of a batch's requests for a text completion."""

    prompt: Required[TextPrompt]
    model: str | None
    """Not needed: the job has one model."""


BatchContent: TypeAlias = PromptBatch | Sequence[BatchChatRequest | BatchTextRequest]
"""The content of a job: prompts that share their settings, or requests of one kind."""


class ToolConfig(TypedDict, total=False):
    """A tool that the model may use: what it writes between "```python" and "```" is run, and the result goes into the text."""

    name: Required[Literal["code_evaluator"] | str]
    """The gateway knows "code_evaluator" only."""
    max_iterations: int | None
    """Calls at most; 10 by default."""
    execution_timeout_seconds: int | None
    """Seconds for each call; 60 by default."""
    should_retry_on_error: bool | None
    """Whether the model sees an error and tries again; True by default."""


class BatchModelOptions(VLLMModelArgs, total=False):
    """The model of a batch, beyond its name."""

    checkpoint_path: str | None
    """Where its weights are (s3://, azure:// or gs://), for a model whose place the gateway does not know."""
    num_shards: Annotated[int, Field(ge=1)] | None
    """GPUs to spread it over; the gateway takes the number of GPUs."""
    max_context_length: Annotated[int, Field(ge=1)] | None
    """Deprecated by the gateway in favour of `max_model_len`."""
    response_role: str | None
    """The role of the replies to chat requests."""


class BatchJobOptions(HardwareOptions, total=False):
    """How a batch runs. Today's v1 route ignores what is said of the hardware."""

    labels: dict[str, str] | None
    """Labels for the job; deployments usually want `team` and `product`."""
    data_parallelism: Annotated[int, Field(ge=1, le=64)] | None
    """Workers to spread the batch over, 1 to 64; 1 by default. More than one needs `version="v2"`."""
    max_runtime_sec: Annotated[int, Field(ge=1, le=172800)] | None
    """Seconds after which the job is stopped, two days at most; a day by default."""
    priority: str | None
    tool_config: ToolConfig | None
    """A tool that the model may use. Today's v2 routes drop it without a word."""


class BatchOptions(BatchJobOptions, BatchModelOptions, total=False):
    """The optional fields of a batch."""


class BatchModelConfigV1(BatchModelOptions, total=False):
    """The model in a request to the v1 route; the labels that count are here."""

    model: Required[str]
    labels: dict[str, str] | None


class BatchModelConfig(BatchModelOptions, total=False):
    """The model in a request to the v2 route."""

    model: Required[str]


class _BatchRequest(BatchJobOptions, total=False):
    output_data_path: Required[str]
    input_data_path: str | None


class BatchRequestV1(_BatchRequest, total=False):
    """The whole body of `POST /v1/llm/batch-completions`."""

    model_config: Required[BatchModelConfigV1]
    content: PromptBatchContent | None


class BatchRequest(_BatchRequest, total=False):
    """The whole body of `POST /v2/batch-completions`."""

    model_config: Required[BatchModelConfig]
    content: PromptBatchContent | list[BatchTextRequest] | list[BatchChatRequest] | None


class BatchModel(Reply):
    """The model of a job, as the gateway describes it. `BatchModelOptions` says what the fields mean; None is the model server's choice."""

    model: str
    checkpoint_path: str | None = None
    num_shards: int | None = None
    max_context_length: int | None = None
    response_role: str | None = None
    labels: dict[str, str] | None = None
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    enforce_eager: bool | None = None
    trust_remote_code: bool | None = None
    pipeline_parallel_size: int | None = None
    tensor_parallel_size: int | None = None
    quantization: str | None = None
    disable_log_requests: bool | None = None
    chat_template: str | None = None
    tool_call_parser: str | None = None
    enable_auto_tool_choice: bool | None = None
    load_format: str | None = None
    config_format: str | None = None
    tokenizer_mode: str | None = None
    limit_mm_per_prompt: str | None = None
    tokenizer: str | None = None
    dtype: str | None = None
    seed: int | None = None
    revision: str | None = None
    code_revision: str | None = None
    rope_scaling: dict[str, Any] | None = None
    tokenizer_revision: str | None = None
    quantization_param_path: str | None = None
    max_seq_len_to_capture: int | None = None
    disable_sliding_window: bool | None = None
    skip_tokenizer_init: bool | None = None
    served_model_name: str | None = None
    override_neuron_config: dict[str, Any] | None = None
    mm_processor_kwargs: dict[str, Any] | None = None
    block_size: int | None = None
    gpu_memory_utilization: float | None = None
    swap_space: float | None = None
    cache_dtype: str | None = None
    num_gpu_blocks_override: int | None = None
    enable_prefix_caching: bool | None = None


class BatchJob(Reply):
    """A batch job. v1 tells its id and nothing else; services differ in the rest."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    job_id: str
    input_data_path: str | None = None
    output_data_path: str | None = None
    model_cfg: BatchModel | str | dict[str, Any] | None = Field(default=None, alias="model_config")
    """`model_config` on the wire, a name that pydantic keeps for itself."""
    priority: str | None = None
    status: BatchStatus = "unknown"
    created_at: Annotated[datetime | str | None, Field(union_mode="left_to_right")] = None
    expires_at: Annotated[datetime | str | None, Field(union_mode="left_to_right")] = None
    completed_at: Annotated[datetime | str | None, Field(union_mode="left_to_right")] = None
    metadata: dict[str, Any] | None = None

    @property
    def done(self) -> bool:
        """Whether the job has ended, successfully or not."""
        return self.status in ENDED

    @property
    def succeeded(self) -> bool:
        """Whether the job has ended successfully."""
        return self.status == "completed"


class BatchJobReply(Reply):
    """The reply of `GET /v2/batch-completions/{id}`."""

    job: BatchJob


class BatchJobUpdated(BatchJob):
    """The reply of `batch_completions.update`."""

    success: bool


class BatchUpdateRequest(TypedDict, total=False):
    """The whole body of `POST /v2/batch-completions/{id}`."""

    job_id: Required[str]
    """The same as in the path."""
    priority: str | None


class BatchCancelled(Reply):
    """The reply of `batch_completions.cancel`."""

    success: bool
