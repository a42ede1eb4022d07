"""The messages of a chat request, and the tools that it may name."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypeAlias, TypeVar

from pydantic import Field
from typing_extensions import TypedDict

T = TypeVar("T")

NonEmpty: TypeAlias = Annotated[list[T], Field(min_length=1)]


class TextPartParam(TypedDict):
    """Text."""

    type: Literal["text"]
    text: str


class ImageURLParam(TypedDict):
    """Where an image is."""

    url: Annotated[str, Field(max_length=65536)]
    """An http(s) URL, or the image itself as a data: URL; the gateway takes 65,536 characters at most."""
    detail: NotRequired[Literal["auto", "low", "high"]]


class ImagePartParam(TypedDict):
    """An image, for models that see."""

    type: Literal["image_url"]
    image_url: ImageURLParam


class InputAudioParam(TypedDict):
    """A recording."""

    data: str
    """The file, base64."""
    format: Literal["wav", "mp3"]


class AudioPartParam(TypedDict):
    """A recording, for models that hear."""

    type: Literal["input_audio"]
    input_audio: InputAudioParam


class FileParam(TypedDict, total=False):
    """A file, by id or by content."""

    filename: str | None
    file_data: str | None
    """The file, base64."""
    file_id: str | None


class FilePartParam(TypedDict):
    """A file, for models that read them."""

    type: Literal["file"]
    file: FileParam


class RefusalPartParam(TypedDict):
    """The model's refusal to answer."""

    type: Literal["refusal"]
    refusal: str


UserPartParam: TypeAlias = Annotated[
    TextPartParam | ImagePartParam | AudioPartParam | FilePartParam, Field(discriminator="type")
]
AssistantPartParam: TypeAlias = Annotated[TextPartParam | RefusalPartParam, Field(discriminator="type")]


class DeveloperMessageParam(TypedDict):
    """Instructions; the newer name of a system message."""

    role: Literal["developer"]
    content: str | NonEmpty[TextPartParam]
    name: NotRequired[str | None]


class SystemMessageParam(TypedDict):
    """Instructions that hold for the whole chat."""

    role: Literal["system"]
    content: str | NonEmpty[TextPartParam]
    name: NotRequired[str | None]


class UserMessageParam(TypedDict):
    """What the user said."""

    role: Literal["user"]
    content: str | NonEmpty[UserPartParam]
    name: NotRequired[str | None]


class FunctionCallParam(TypedDict):
    """A call that the model asked for."""

    name: str
    arguments: str
    """JSON, as the model wrote it."""


class ToolCallParam(TypedDict):
    """A tool call that the model asked for."""

    id: str
    type: Literal["function"]
    function: FunctionCallParam


class SpokenReplyParam(TypedDict):
    """An earlier spoken reply, by id."""

    id: str


class AssistantMessageParam(TypedDict):
    """What the model said, and what it asked for."""

    role: Literal["assistant"]
    content: NotRequired[str | NonEmpty[AssistantPartParam] | None]
    """Text; may be left out beside `tool_calls`."""
    refusal: NotRequired[str | None]
    name: NotRequired[str | None]
    audio: NotRequired[SpokenReplyParam | None]
    tool_calls: NotRequired[list[ToolCallParam] | None]
    function_call: NotRequired[FunctionCallParam | None]
    """Deprecated by OpenAI in favour of `tool_calls`."""
    reasoning: NotRequired[str | None]
    """What the model thought before it answered, for templates that show it."""
    reasoning_content: NotRequired[str | None]
    """The same under the name that replies have; the server takes either."""


class ToolMessageParam(TypedDict):
    """What a tool call returned."""

    role: Literal["tool"]
    content: str | NonEmpty[TextPartParam]
    tool_call_id: str


class FunctionMessageParam(TypedDict):
    """What a function call returned. Deprecated by OpenAI in favour of tool messages."""

    role: Literal["function"]
    content: NotRequired[str | None]
    name: str


ChatMessageParam: TypeAlias = Annotated[
    DeveloperMessageParam
    | SystemMessageParam
    | UserMessageParam
    | AssistantMessageParam
    | ToolMessageParam
    | FunctionMessageParam,
    Field(discriminator="role"),
]


class FunctionParam(TypedDict):
    """A function that the model may call."""

    name: str
    description: NotRequired[str | None]
    parameters: NotRequired[dict[str, Any] | None]
    """Its arguments, as a JSON schema."""


class StrictFunctionParam(FunctionParam):
    """A function that the model may call as a tool."""

    strict: NotRequired[bool | None]
    """Whether the arguments must satisfy the schema; False by default."""


class ToolParam(TypedDict):
    """A tool that the model may use."""

    type: Literal["function"]
    function: StrictFunctionParam


class FunctionNameParam(TypedDict):
    """A function, by name."""

    name: str


class NamedToolChoiceParam(TypedDict):
    """The one tool that the model must use."""

    type: Literal["function"]
    function: FunctionNameParam


ToolChoiceParam: TypeAlias = Literal["none", "auto", "required"] | NamedToolChoiceParam

OLDER_ROLES = {"developer": "system", "function": "tool"}
"""Newer and older names of roles, which few chat templates know, each with the name that all of them know."""
