"""Bodies of `POST /v1/llm/completions-sync` and `POST /v1/llm/completions-stream`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from ._base import Reply


class PromptOptions(TypedDict, total=False):
    """What a completion and a batch of prompts both may set. A field that is absent or None is left to the server."""

    stop_sequences: list[str] | None
    """Strings that end the completion. DeepSpeed endpoints honour only the first, LightLLM ones none."""
    return_token_log_probs: bool | None
    """Whether to return each token with its natural log-probability. Not on TensorRT-LLM."""
    presence_penalty: Annotated[float, Field(ge=0.0, le=2.0)] | None
    """Penalty for tokens that occurred at all, 0 to 2. vLLM and LightLLM only."""
    frequency_penalty: Annotated[float, Field(ge=0.0, le=2.0)] | None
    """Penalty for each occurrence of a token, 0 to 2. vLLM and LightLLM only."""
    top_k: Annotated[int, Field(ge=-1)] | None
    """Sample among the k likeliest tokens; -1 considers all. Needs temperature > 0."""
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None
    """Sample among the likeliest tokens that together reach this probability, (0, 1]. Needs temperature > 0."""


class CompletionOptions(PromptOptions, total=False):
    """The optional fields of a completion request. A field that is absent or None is left to the server."""

    include_stop_str_in_output: bool | None
    """Whether the text keeps the stop sequence that ended it. vLLM only."""
    guided_json: dict[str, Any] | None
    """A JSON schema that the text must satisfy. vLLM only; at most one guided_* field."""
    guided_regex: str | None
    """A regular expression that the text must match. vLLM only; at most one guided_* field."""
    guided_choice: list[str] | None
    """The strings of which the text must be one. vLLM only; at most one guided_* field."""
    guided_grammar: str | None
    """A context-free grammar that the text must follow. vLLM only; at most one guided_* field."""
    skip_special_tokens: bool | None
    """Whether to leave special tokens out of the text; True by default. vLLM only."""


class _CompletionCore(TypedDict):
    prompt: str
    max_new_tokens: int
    temperature: Annotated[float, Field(ge=0.0, le=1.0)]


class CompletionRequest(_CompletionCore, CompletionOptions):
    """The whole body of a completion request; the model's name travels in the query.

    The fields are in the gateway's order, in which validation errors are listed.
    """


class TokenOutput(Reply):
    """One generated token."""

    token: str
    """The token's text, leading space included."""
    log_prob: float
    """Its natural log-probability, 0 or less."""


class CompletionOutput(Reply):
    """A finished completion."""

    text: str
    num_prompt_tokens: int | None = None
    num_completion_tokens: int | None = None
    tokens: list[TokenOutput] | None = None
    """The generated tokens, when `return_token_log_probs` asked for them."""


class Completion(Reply):
    """The reply of `completions.create`."""

    request_id: str | None = None
    output: CompletionOutput


class CompletionStreamOutput(Reply):
    """What one event of a stream adds."""

    text: str
    """The text added since the last event."""
    finished: bool = False
    num_prompt_tokens: int | None = None
    """Tokens in the prompt; on the last event (on every one from TensorRT-LLM)."""
    num_completion_tokens: int | None = None
    """Tokens generated so far (cumulative)."""
    token: TokenOutput | None = None
    """The generated token, when `return_token_log_probs` asked for it."""


class StreamErrorContent(Reply):
    """The text of an error inside a stream."""

    error: str
    timestamp: str | None = None


class StreamErrorBody(Reply):
    """An error that the server reports as the last event of a stream; the HTTP status was 200 long before."""

    status_code: int
    content: StreamErrorContent


class CompletionStreamEvent(Reply):
    """One event on the wire: output, or error, or (an empty chunk) neither."""

    request_id: str | None = None
    output: CompletionStreamOutput | None = None
    error: StreamErrorBody | None = None


class CompletionChunk(Reply):
    """One event of `completions.stream`: errors are raised and empty events skipped, so there always is an output."""

    request_id: str | None = None
    output: CompletionStreamOutput
    error: None = None
