"""The common parts of the two OpenAI-style routes (v2)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypeAlias

from pydantic import Field
from typing_extensions import TypedDict

from ._base import Reply


class TextFormatParam(TypedDict):
    """Free text: what the server writes unless asked for something else."""

    type: Literal["text"]


class JsonObjectFormatParam(TypedDict):
    """Any JSON object."""

    type: Literal["json_object"]


class JsonSchemaParam(TypedDict):
    """A JSON schema with a name."""

    name: str
    description: NotRequired[str | None]
    schema: NotRequired[dict[str, Any] | None]
    strict: NotRequired[bool | None]


class JsonSchemaFormatParam(TypedDict):
    """JSON that satisfies a schema."""

    type: Literal["json_schema"]
    json_schema: JsonSchemaParam


ResponseFormatParam: TypeAlias = Annotated[
    TextFormatParam | JsonObjectFormatParam | JsonSchemaFormatParam, Field(discriminator="type")
]


class StreamOptionsParam(TypedDict, total=False):
    """How a stream reports."""

    include_usage: bool | None
    """Whether a last chunk with no choices brings the `usage`."""


class SamplingOptions(TypedDict, total=False):
    """The optional fields that both routes take. A field that is absent or None is left to the server."""

    temperature: Annotated[float, Field(ge=0.0, le=2.0)] | None
    """0 (the likeliest token each time) to 2; 1 by default."""
    top_p: Annotated[float, Field(ge=0.0, le=1.0)] | None
    """Sample among the likeliest tokens that together reach this probability, 0 to 1; 1 by default."""
    top_k: Annotated[int, Field(ge=-1)] | None
    """Sample among the k likeliest tokens; -1 considers all."""
    min_p: float | None
    """Sample among tokens at least this likely, as a share of the likeliest one's probability, 0 to 1."""
    n: Annotated[int, Field(ge=1, le=128)] | None
    """How many choices to generate, 1 to 128; 1 by default."""
    stop: str | Annotated[list[str], Field(min_length=1, max_length=4)] | None
    """A string that ends the text, or one to four of them."""
    stop_token_ids: list[int] | None
    """Tokens that end the text."""
    include_stop_str_in_output: bool | None
    """Whether the text keeps the stop string that ended it."""
    ignore_eos: bool | None
    """Whether to go on after the model's own end-of-text token."""
    min_tokens: int | None
    """Tokens to generate before anything may end the text; 0 by default."""
    presence_penalty: Annotated[float, Field(ge=-2.0, le=2.0)] | None
    """Penalty for tokens that occurred at all, -2 to 2; 0 by default."""
    frequency_penalty: Annotated[float, Field(ge=-2.0, le=2.0)] | None
    """Penalty for each occurrence of a token, -2 to 2; 0 by default."""
    repetition_penalty: float | None
    """Divides the scores of tokens that occurred, the prompt's included; 1 means no penalty."""
    logit_bias: dict[str, int] | None
    """Added to the scores of tokens, by token id as a string; -100 to 100."""
    use_beam_search: bool | None
    """Whether to search with beams instead of sampling."""
    length_penalty: float | None
    """Exponent by which beams are normalised by their length. Beam search only."""
    early_stopping: bool | None
    """Whether the search ends as soon as there are enough finished beams. Beam search only."""
    skip_special_tokens: bool | None
    """Whether to leave special tokens out of the text; True by default."""
    spaces_between_special_tokens: bool | None
    """Whether to put spaces between special tokens; True by default."""
    add_special_tokens: bool | None
    """Whether the tokenizer adds its special tokens (a begin-of-text, for example) to the prompt."""
    response_format: ResponseFormatParam | None
    """Free text, any JSON object, or JSON that satisfies a schema."""
    guided_json: dict[str, Any] | None
    """A JSON schema that the text must satisfy; at most one guided_* constraint."""
    guided_regex: str | None
    """A regular expression that the text must match; at most one guided_* constraint."""
    guided_choice: list[str] | None
    """The strings of which the text must be one; at most one guided_* constraint."""
    guided_grammar: str | None
    """A context-free grammar that the text must follow; at most one guided_* constraint."""
    guided_decoding_backend: str | None
    """The library that enforces a guided_* constraint, instead of the server's."""
    guided_whitespace_pattern: str | None
    """A regular expression for the whitespace that `guided_json` allows."""
    user: str | None
    """Your own name for the end user."""


class PromptTokensDetails(Reply):
    """Where the prompt's tokens came from."""

    audio_tokens: int | None = None
    cached_tokens: int | None = None


class CompletionTokensDetails(Reply):
    """What the generated tokens went into."""

    accepted_prediction_tokens: int | None = None
    audio_tokens: int | None = None
    reasoning_tokens: int | None = None
    rejected_prediction_tokens: int | None = None


class Usage(Reply):
    """Tokens read and generated, over all choices."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None
