"""The request of a call and the reader of its reply, as values. Pure functions; the blocking and the async client run the values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from ..prompting.chat_template import ChatTemplate
from ..prompting.completions_chat import CompletionsChat, Formatter, Message, completions_chat, response_schema
from ._options import Route, chat_arguments, completion_arguments
from ._readers import ChatReplyReader, CompletionReplyReader
from ._reply_parts import Answer, Reader, ResponseT


@dataclass(frozen=True, slots=True)
class Call(Generic[ResponseT]):
    """One request.

    Attributes:
        route: The client's resource for the request.
        arguments: The arguments of the resource's `create` or `stream`.
        reader: Creates the reader of the reply.
        convert: Converts the answer to LlamaIndex's response.
    """

    route: Route
    arguments: Mapping[str, Any]
    reader: Callable[[], Reader]
    convert: Callable[[Answer], ResponseT]


def chat_call(
    messages: Sequence[Message],
    options: Mapping[str, Any],
    convert: Callable[[Answer], ResponseT],
    *,
    stream: bool,
) -> Call[ResponseT]:
    """A chat over v2."""
    arguments = {"messages": list(messages), **chat_arguments(options, stream=stream)}
    return Call("chat", arguments, ChatReplyReader, convert)


def completion_call(prompt: str, options: Mapping[str, Any], convert: Callable[[Answer], ResponseT]) -> Call[ResponseT]:
    """A completion over v1.

    Raises:
        CompletionsChatError: Completions do not support this type of response format. It is also a ValueError.
    """
    schema = response_schema(options.get("response_format"))
    return _completion_call(CompletionsChat(prompt, _stops(options), schema, None), options, convert)


def templated_call(
    messages: Sequence[Message],
    options: Mapping[str, Any],
    convert: Callable[[Answer], ResponseT],
    formatter: Formatter,
) -> Call[ResponseT]:
    """A chat over v1: the prompt is created here, and tools use guided JSON.

    Args:
        messages: The chat.
        options: The call's options.
        convert: Converts the answer to LlamaIndex's response.
        formatter: Creates the prompt.

    Raises:
        CompletionsChatError: A message contains something other than text, or two options constrain the text. It is also a ValueError.
    """
    chat = completions_chat(messages, options, formatter)
    return _completion_call(chat, options, convert, strip=not isinstance(formatter, ChatTemplate))


def _completion_call(
    chat: CompletionsChat, options: Mapping[str, Any], convert: Callable[[Answer], ResponseT], *, strip: bool = False
) -> Call[ResponseT]:
    arguments = {"prompt": chat.prompt, **completion_arguments(options)}
    if chat.stops:
        arguments["stop_sequences"] = chat.stops
    if chat.guided_json is not None:
        arguments["guided_json"] = chat.guided_json
    # Some servers honour stop strings only partly or not at all. A server that is asked to include them in the output does honour them.
    stops = () if options.get("include_stop_str_in_output") else chat.stops
    limit, tools = options["max_new_tokens"], chat.tools
    return Call("completions", arguments, lambda: CompletionReplyReader(limit, stops, tools, strip=strip), convert)


def _stops(options: Mapping[str, Any]) -> list[str]:
    stop = options.get("stop") or ()
    return [stop] if isinstance(stop, str) else list(stop)
