"""The parameters of upstream's calls: objects that check their fields when they are created."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self, TypeAlias

from pydantic import ConfigDict, Field, model_validator

from .._shared.did_you_mean import did_you_mean
from ..wire.batch_completions import BatchChatRequest, BatchModel, BatchTextRequest
from ..wire.chat_messages import ChatMessageParam
from ..wire.text_completions import TextPrompt
from ._printed import Printed


class Parameters(Printed):
    """Something to send. An unknown field is refused, not dropped."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), defer_build=True)

    def given(self) -> dict[str, Any]:
        """Return the fields that were set. The server decides the others."""
        return {name: value for name, value in self.model_dump(exclude_unset=True).items() if value is not None}


class ToolConfig(Parameters):
    """A tool that a batch's model may use."""

    name: str
    """The gateway supports only "code_evaluator"."""
    max_iterations: int | None = 10
    """The maximum number of calls."""
    execution_timeout_seconds: int | None = 60
    """Seconds for each call."""
    should_retry_on_error: bool | None = True
    """Whether the model sees an error and tries again."""


class BatchCompletionsModelConfig(Parameters, BatchModel):
    """The model of a batch. `llmengine_integrations.wire.batch_completions.BatchModelOptions` describes the fields."""

    model_config = Parameters.model_config

    num_shards: int | None = 1
    trust_remote_code: bool | None = False


class CreateBatchCompletionsV1ModelConfig(BatchCompletionsModelConfig):
    """The same for the first version of the route, with labels for the job."""

    labels: dict[str, str] | None = Field(default_factory=dict[str, str])


class CreateBatchCompletionsV1RequestContent(Parameters):
    """Prompts that share their settings. Its `json()` is the content of an input file."""

    prompts: list[str]
    max_new_tokens: int
    """The maximum number of tokens to generate for each prompt."""
    temperature: Annotated[float, Field(ge=0.0, le=1.0)]
    """0 (the likeliest token each time) to 1 (the model's own distribution)."""
    stop_sequences: list[str] | None = None
    return_token_log_probs: bool | None = False
    presence_penalty: Annotated[float | None, Field(ge=0.0, le=2.0)] = None
    frequency_penalty: Annotated[float | None, Field(ge=0.0, le=2.0)] = None
    top_k: Annotated[int | None, Field(ge=-1)] = None
    """Sample among the k likeliest tokens; -1 considers all."""
    top_p: Annotated[float | None, Field(gt=0.0, le=1.0)] = None
    skip_special_tokens: bool | None = True


class _V2Request(Parameters):
    """An OpenAI-style request. Its options are keyword arguments, in addition to the fields here."""

    model_config = ConfigDict(extra="allow")
    options: ClassVar[type[Any]]

    stream: bool | None = False
    """Not sent in batches."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        known: Mapping[str, Any] = self.options.__annotations__
        for name in self.model_extra or {}:
            if name not in known:
                raise ValueError(f"There is no option {name!r}{did_you_mean(name, known) or '.'}")
        return self

    def given(self) -> dict[str, Any]:
        """Return the fields that were set, for a batch."""
        return {name: value for name, value in super().given().items() if name != "stream"}


class _ChatRequest(_V2Request):
    options = BatchChatRequest

    messages: Annotated[list[ChatMessageParam], Field(min_length=1)]


class ChatCompletionV2Request(_ChatRequest):
    """A chat request."""

    model: str


class FilteredChatCompletionV2Request(_ChatRequest):
    """A chat request of a batch, whose model is the batch's."""

    model: str | None = None


class _TextRequest(_V2Request):
    options = BatchTextRequest

    prompt: TextPrompt


class CompletionV2Request(_TextRequest):
    """A request for a text completion."""

    model: str


class FilteredCompletionV2Request(_TextRequest):
    """A request of a batch for a text completion, whose model is the batch's."""

    model: str | None = None


class ModelDownloadRequest(Parameters):
    """The request that `Model.download` sends."""

    model_name: str
    download_format: str | None = "hugging_face"


CreateBatchCompletionsV2RequestContent: TypeAlias = (
    Sequence[FilteredCompletionV2Request] | Sequence[FilteredChatCompletionV2Request]
)
BatchCompletionContent: TypeAlias = CreateBatchCompletionsV1RequestContent | CreateBatchCompletionsV2RequestContent


def given(value: Parameters | Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of an object, or of a dict used instead of one."""
    return value.given() if isinstance(value, Parameters) else value
