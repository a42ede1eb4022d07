"""What to send for a call and how to read what comes back, as values. Pure; both kinds of client run them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from ..prompting.chat_template import PLAIN_STOPS, ChatTemplate, without_tool_messages
from ..prompting.guided_tools import GuidedTools
from ._options import Route, chat_arguments, completion_arguments, response_schema
from ._readers import ChatReader, CompletionReader
from ._reply_parts import Answer, Reader, ResponseT

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call(Generic[ResponseT]):
    """One request.

    Attributes:
        route: The client's resource that answers it.
        arguments: Those of the resource's `create` or `stream`.
        reader: Makes what reads the reply.
        convert: Makes LlamaIndex's response of what was read.
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
    return Call("chat", arguments, ChatReader, convert)


def completion_call(
    prompt: str, options: Mapping[str, Any], convert: Callable[[Answer], ResponseT], **reading: Any
) -> Call[ResponseT]:
    """A completion over v1."""
    arguments = {"prompt": prompt, **completion_arguments(options)}
    limit = options["max_new_tokens"]
    # Some servers honour stop strings in part or not at all; see `_readers`. One that was told to keep them does honour them.
    stops = () if options.get("include_stop_str_in_output") else arguments.get("stop_sequences", ())
    return Call("completions", arguments, lambda: CompletionReader(limit, stops, **reading), convert)


def templated_call(
    messages: Sequence[Message],
    options: Mapping[str, Any],
    convert: Callable[[Answer], ResponseT],
    render: ChatTemplate | Callable[[Sequence[Message]], str],
) -> Call[ResponseT]:
    """A chat over v1: the prompt made here, tools by guided JSON.

    Raises:
        ValueError: A message holds something else than text.

    Args:
        messages: The chat.
        options: The call's options.
        convert: As in `Call`.
        render: What makes the prompt. A plain function is shown neither tool calls nor tools, but what they say in words.
    """
    if any(not isinstance(message.get("content") or "", str) for message in messages):
        raise ValueError("Completions (api='v1') take text only; a message holds an image, a sound or a file.")
    template = render if isinstance(render, ChatTemplate) else None
    tools = guided_tools(options)
    if tools is not None:
        listed = template is not None and template.shows_tools
        messages = _with_instructions(messages, tools.instructions(listed=listed))
    if template is None or not template.shows_tool_calls:
        messages = without_tool_messages(messages)
    shown = None if tools is None else tools.tools
    prompt = render.render(messages, tools=shown) if isinstance(render, ChatTemplate) else render(messages)
    asked = _with_stops(options, template) if tools is None else _guided(options, tools)
    return completion_call(prompt, asked, convert, tools=tools, strip=template is None)


def _with_stops(options: Mapping[str, Any], template: ChatTemplate | None) -> Mapping[str, Any]:
    """With strings that end the answer where the model does not; not where its text has a form that ends."""
    guided = any(name.startswith("guided_") or name == "response_format" for name in options)
    if guided or options.get("stop"):
        return options
    return {**options, "stop": PLAIN_STOPS if template is None else template.stops()}


def _guided(options: Mapping[str, Any], tools: GuidedTools) -> Mapping[str, Any]:
    kept = {name: value for name, value in options.items() if not name.startswith("guided_")}
    schema = {"name": "reply", "schema": tools.schema()}
    return {**kept, "response_format": {"type": "json_schema", "json_schema": schema}}


def guided_tools(options: Mapping[str, Any]) -> GuidedTools | None:
    """The tools of a call over v1; None if it has none, or must not use them."""
    if not options.get("tools") and not options.get("tool_choice"):
        return None
    choice: Any = options.get("tool_choice") or "auto"
    name = choice if isinstance(choice, str) else choice["function"]["name"]
    shaped = response_schema(options.get("response_format"))
    tools = GuidedTools(
        options.get("tools") or [],
        name,
        parallel=bool(options.get("parallel_tool_calls")),
        **({} if shaped is None else {"answer": shaped}),
    )
    return tools if tools.active else None


def _with_instructions(messages: Sequence[Message], text: str) -> list[Message]:
    """The chat with more instructions in its system message, which it gets if it has none."""
    if not text:
        return list(messages)
    if messages and messages[0]["role"] == "system":
        return [{**messages[0], "content": f"{messages[0]['content']}\n\n{text}"}, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]
