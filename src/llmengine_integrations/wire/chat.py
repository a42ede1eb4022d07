"""Bodies of `POST /v2/chat/completions`."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Required

from pydantic import BeforeValidator, Field
from typing_extensions import TypedDict

from ._base import Reply
from ._openai import SamplingOptions, StreamOptionsParam, Usage
from .chat_messages import (
    ChatMessageParam,
    FunctionNameParam,
    FunctionParam,
    NonEmpty,
    TextPartParam,
    ToolChoiceParam,
    ToolParam,
)

ChatFinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"] | str
"""Why a choice ended. Any other string is a reason that this version does not know."""


class SpeechParam(TypedDict):
    """How a spoken reply should sound."""

    voice: str
    format: Literal["wav", "aac", "mp3", "flac", "opus", "pcm16"]


class PredictionParam(TypedDict):
    """Text that much of the reply will repeat, to generate it faster."""

    type: Literal["content"]
    content: str | NonEmpty[TextPartParam]


class PlaceParam(TypedDict, total=False):
    """A place, as precisely as wanted."""

    country: str | None
    """Two letters (ISO 3166-1)."""
    region: str | None
    city: str | None
    timezone: str | None
    """An IANA time zone."""


class UserLocationParam(TypedDict):
    """Roughly where the user is."""

    type: Literal["approximate"]
    approximate: PlaceParam


class WebSearchParam(TypedDict, total=False):
    """How to search the web."""

    user_location: UserLocationParam | None
    search_context_size: Literal["low", "medium", "high"] | None


class ChatOptions(SamplingOptions, total=False):
    """The optional fields of a chat request. A field that is absent or None is left to the server."""

    max_tokens: int | None
    """Tokens to generate at most; what fits into the model's context by default."""
    max_completion_tokens: int | None
    """The same under OpenAI's newer name, thinking included."""
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | None
    """Makes sampling repeatable, as far as the server can. 64 bits."""
    logprobs: bool | None
    """Whether to return each token with its natural log-probability."""
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None
    """How many alternatives to return for each token, 0 to 20; needs `logprobs`."""
    best_of: int | None
    """How many choices to generate, to return the `n` best."""
    tools: list[ToolParam] | None
    """The tools that the model may use."""
    tool_choice: ToolChoiceParam | None
    """Whether it may ("auto"), must ("required", or a tool by name) or must not ("none") use them."""
    parallel_tool_calls: bool | None
    """Whether one reply may make several calls."""
    functions: Annotated[list[FunctionParam], Field(min_length=1, max_length=128)] | None
    """Deprecated by OpenAI in favour of `tools`."""
    function_call: Literal["none", "auto"] | FunctionNameParam | None
    """Deprecated by OpenAI in favour of `tool_choice`."""
    reasoning_effort: Literal["low", "medium", "high"] | None
    """How much a reasoning model thinks before it answers; "medium" by default."""
    chat_template: str | None
    """A Jinja template that turns the messages into the prompt, instead of the model's own."""
    chat_template_kwargs: dict[str, Any] | None
    """Variables for the template, such as `{"enable_thinking": False}`."""
    documents: list[dict[str, str]] | None
    """Texts for retrieval templates, each usually with a `title` and a `text`."""
    echo: bool | None
    """Whether the reply begins with the last message, when that is the assistant's."""
    add_generation_prompt: bool | None
    """Whether the prompt ends with what begins an assistant's message; True by default."""
    continue_final_message: bool | None
    """Whether the model goes on with the last message instead of beginning one; needs `add_generation_prompt=False`."""
    priority: int | None
    """Smaller is served first, where the server schedules by priority."""
    metadata: dict[str, str] | None
    """Your own labels for the request."""
    service_tier: Literal["auto", "default", "flex"] | None
    store: bool | None
    modalities: list[Literal["text", "audio"]] | None
    """The kinds of reply wanted; text by default."""
    audio: SpeechParam | None
    """How a spoken reply should sound; needs "audio" among the `modalities`."""
    prediction: PredictionParam | None
    """Text that much of the reply will repeat, to generate it faster."""
    web_search_options: WebSearchParam | None


class ChatStreamOptions(ChatOptions, total=False):
    """The optional fields of a streamed chat request."""

    stream_options: StreamOptionsParam | None
    """`{"include_usage": True}` asks for a last chunk with the usage."""


class ChatRequest(ChatStreamOptions, total=False):
    """The whole body of a chat request."""

    model: Required[str]
    messages: Required[Annotated[list[ChatMessageParam], Field(min_length=1)]]
    stream: bool | None


class TopLogprob(Reply):
    """A token that could have stood in a place."""

    token: str
    logprob: float
    """Its natural log-probability, 0 or less."""
    bytes: list[int] | None = None


class ChatTokenLogprob(TopLogprob):
    """A generated token."""

    top_logprobs: list[TopLogprob] = Field(default_factory=list[TopLogprob])
    """The likeliest tokens in its place."""


class ChatLogprobs(Reply):
    """The generated tokens, when `logprobs` asked for them."""

    content: list[ChatTokenLogprob] | None = None
    refusal: list[ChatTokenLogprob] | None = None


def _text_or_empty(value: object) -> object:
    return "" if value is None else value


def _json_text(value: object) -> object:
    """Return the arguments of a call as text. Some servers send them as an object."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_OptionalText = Annotated[str, BeforeValidator(_text_or_empty)]
"""Text that some servers omit, or send as null; then it is ""."""


class FunctionCall(Reply):
    """A call that the model asks for."""

    name: _OptionalText = ""
    arguments: Annotated[_OptionalText, BeforeValidator(_json_text)] = ""
    """JSON as the model wrote it: it may be invalid, or not satisfy the schema."""


class ToolCall(Reply):
    """A tool call that the model asks for; the answering message names its `id`."""

    id: _OptionalText = ""
    type: Annotated[Literal["function"] | str, BeforeValidator(lambda kind: kind or "function")] = "function"
    function: FunctionCall


class URLCitation(Reply):
    """A web page that a part of the text stands on."""

    start_index: int
    end_index: int
    url: str
    title: str


class Annotation(Reply):
    """A remark on a part of the text."""

    type: Literal["url_citation"] | str
    url_citation: URLCitation | None = None


class SpokenReply(Reply):
    """A spoken reply."""

    id: str
    data: str
    """The file, base64."""
    expires_at: int
    """Seconds since 1970 until which the id may stand in a message."""
    transcript: str


class ChatCompletionMessage(Reply):
    """What the model said. It can be put into the next request's messages as it is."""

    role: Literal["assistant"] | str = "assistant"
    content: str | None = None
    reasoning_content: str | None = None
    """What a reasoning model thought before it answered."""
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: FunctionCall | None = None
    annotations: list[Annotation] | None = None
    audio: SpokenReply | None = None


class ChatChoice(Reply):
    """One of the `n` replies."""

    index: int = 0
    message: ChatCompletionMessage
    finish_reason: ChatFinishReason | None = None
    logprobs: ChatLogprobs | None = None


class ChatCompletion(Reply):
    """The reply of `chat.create`."""

    id: str
    choices: list[ChatChoice]
    created: int | None = None
    """Seconds since 1970."""
    model: str
    object: Literal["chat.completion"] | str = "chat.completion"
    usage: Usage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None

    @property
    def text(self) -> str:
        """The text of the first choice; empty if there is none."""
        return "".join(choice.message.content or "" for choice in self.choices if choice.index == 0)


class FunctionCallDelta(Reply):
    """What a chunk adds to a call: the name comes once from most servers, the arguments in pieces."""

    name: str | None = None
    arguments: Annotated[str | None, BeforeValidator(_json_text)] = None


class ToolCallDelta(Reply):
    """What a chunk adds to the tool call number `index`; id, type and name come once from most servers."""

    index: Annotated[int, BeforeValidator(lambda index: index or 0)] = 0
    """0 also where the server sends none. Some servers send 0 for every call: its `id` is then what tells it apart."""
    id: str | None = None
    type: Literal["function"] | str | None = None
    function: FunctionCallDelta | None = None


class ChatDelta(Reply):
    """What a chunk adds to a message."""

    role: Literal["assistant"] | str | None = None
    content: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallDelta] | None = None
    function_call: FunctionCallDelta | None = None


class ChatChunkChoice(Reply):
    """What a chunk adds to one of the `n` replies."""

    index: int = 0
    delta: ChatDelta
    finish_reason: ChatFinishReason | None = None
    """None until the choice's last chunk."""
    logprobs: ChatLogprobs | None = None


class ChatCompletionChunk(Reply):
    """One event of `chat.stream`."""

    id: str
    choices: list[ChatChunkChoice]
    """Empty in the chunk that brings the usage."""
    created: int | None = None
    """Seconds since 1970."""
    model: str
    object: Literal["chat.completion.chunk"] | str = "chat.completion.chunk"
    usage: Usage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None

    @property
    def text(self) -> str:
        """What the chunk adds to the first choice's text; empty if nothing."""
        return "".join(choice.delta.content or "" for choice in self.choices if choice.index == 0)
