"""A chat over v1 completions, for endpoints without a chat route. The messages become one prompt here. Pure functions.

Both adapters send chats this way. They pass messages, tools and formats as plain dicts in the wire format. `completion_replies` reads the
replies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from ..wire.chat_messages import OLDER_ROLES
from .chat_template import PLAIN_STOPS, ChatTemplate, ChatTemplateError, plain_prompt, without_tool_messages
from .guided_tools import GuidedTools

Message: TypeAlias = dict[str, Any]
Formatter: TypeAlias = Callable[[list[dict[str, Any]]], str]
"""Creates a prompt from messages: a `ChatTemplate`, or a function of messages with `role` (system, user, assistant) and `content`."""

GUIDES = ("guided_json", "guided_regex", "guided_choice", "guided_grammar")
_ANY_OBJECT: dict[str, Any] = {"type": "object"}
_PROBES = ("first-probe-message", "second-probe-message", "third-probe-message")
_SPECIAL = re.compile(r"<[^<>\s]{1,40}>|\[/?[A-Z_]+\]")  # <|im_end|>, </s>, <end_of_turn>, [INST]


class CompletionsChatError(ValueError):
    """A chat that cannot be sent as a completion."""


@dataclass(frozen=True, slots=True)
class CompletionsChat:
    """A chat in the form of a completion.

    Attributes:
        prompt: The prompt.
        stops: The strings at which the answer ends: the call's own, then those that start the turn of another role.
        guided_json: The schema that tools or a response format require; None without one.
        tools: The tools that the text is guided to; None if it is unconstrained.
    """

    prompt: str
    stops: list[str]
    guided_json: dict[str, Any] | None
    tools: GuidedTools | None


def completions_chat(
    messages: Iterable[Mapping[str, Any]],
    options: Mapping[str, Any],
    formatter: Formatter,
    own_turn_stops: Sequence[str] | None = None,
) -> CompletionsChat:
    """The completion request for a chat.

    Guided text ends by itself and may contain a turn marker, so only the call's own stop strings end it.

    Args:
        messages: The chat.
        options: The call's `stop`, `tools`, `tool_choice`, `parallel_tool_calls`, `response_format`, and `guided_*` options.
        formatter: Creates the prompt.
        own_turn_stops: The strings that start the turn of another role. By default, they are determined from the formatter.

    Raises:
        CompletionsChatError: A message contains something other than text, or two options constrain the text.
        ChatTemplateError: The template refuses the messages.
        ValueError: The tool choice does not name any of the tools.
    """
    tools = guided_tools(options)
    schema = response_schema(options.get("response_format")) if tools is None else tools.schema()
    guides = [name for name in GUIDES if options.get(name) is not None]
    if schema is not None and guides:
        raise CompletionsChatError(f"{guides[0]} cannot be combined with tools or a response_format.")
    stops = _listed(options.get("stop"))
    if schema is None and not guides:
        stops += turn_stops(formatter) if own_turn_stops is None else own_turn_stops
    return CompletionsChat(_prompt(messages, formatter, tools), list(dict.fromkeys(stops)), schema, tools)


def guided_tools(options: Mapping[str, Any]) -> GuidedTools | None:
    """The tools that a call may use; None if there are no tools or none may be used.

    One answer may make several calls, as over v2, unless `parallel_tool_calls` is False or the choice names one tool.

    Raises:
        ValueError: The choice does not name any of the tools.
    """
    choice: Any = options.get("tool_choice") or "auto"
    is_named = not isinstance(choice, str)
    tools = GuidedTools(
        options.get("tools") or (),
        choice["function"]["name"] if is_named else choice,
        parallel=not is_named and options.get("parallel_tool_calls") is not False,
        answer=response_schema(options.get("response_format")) or {"type": "string"},
    )
    return tools if tools.active else None


def response_schema(response_format: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The JSON schema that a `response_format` requires; None for unconstrained text.

    Raises:
        CompletionsChatError: Completions do not support a format of this type.
    """
    match response_format:
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return _ANY_OBJECT
        case {"type": "json_schema"}:
            named = cast("Mapping[str, Any]", response_format.get("json_schema") or {})
            return named.get("schema") or _ANY_OBJECT
        case _:
            kind = response_format.get("type")
            raise CompletionsChatError(f"response_format must be text, json_object or json_schema, not {kind!r}.")


def probe(formatter: Formatter) -> str:
    """A formatter's prompt for a short chat, which shows how the formatter marks turns."""
    return formatter(probe_chat())


def probe_chat() -> list[Message]:
    """A short chat: user, assistant, user."""
    roles = ("user", "assistant", "user")
    return [{"role": role, "content": text} for role, text in zip(roles, _PROBES, strict=True)]


def turn_stops(formatter: Formatter) -> list[str]:
    """The strings that start the turn of another role. If the model writes one of them, its own turn has ended.

    They are the special tokens between an answer and the next message, such as `<|im_end|>`. Without special tokens, it is the first line
    there.
    """
    if formatter is plain_prompt:
        return list(PLAIN_STOPS)
    try:
        between = probe(formatter).partition(_PROBES[1])[2].partition(_PROBES[2])[0]
    except ChatTemplateError:  # if it also refuses the chat itself, that error gives the reason
        return []
    special = list(dict.fromkeys(_SPECIAL.findall(between)))
    if special:
        return special
    line = between.strip().partition("\n")[0].rstrip()
    return [f"\n{line}"] if line else []


def _prompt(messages: Iterable[Mapping[str, Any]], formatter: Formatter, tools: GuidedTools | None) -> str:
    """The prompt. A template that supports tools and calls receives them as data; other formatters receive them as text."""
    template = formatter if isinstance(formatter, ChatTemplate) else None
    turns = [{**message, "content": _text(message.get("content"))} for message in messages]
    instructions = ""
    if tools is not None:
        instructions = tools.instructions(listed=template is not None and template.shows_tools)
    if template is None or not template.shows_tool_calls:
        turns = [{"role": turn["role"], "content": turn["content"]} for turn in without_tool_messages(turns)]
    turns = _in_turns(turns, instructions)
    if template is None:
        return formatter(turns)
    return template.render(turns, tools=None if tools is None else tools.tools)


def _in_turns(messages: Iterable[Message], instructions: str) -> list[Message]:
    """The chat in the form that many templates require: one system message first, then alternating user and assistant messages."""
    system: list[str] = []
    found: list[Message] = []
    for message in messages:
        role = OLDER_ROLES.get(message["role"], message["role"])
        if role == "system":
            system.append(message["content"])
        elif found and role in {"user", "assistant"} and role == found[-1]["role"] and _is_text(message, found[-1]):
            found[-1] = {"role": role, "content": _paragraphs([found[-1]["content"], message["content"]])}
        else:
            found.append({**message, "role": role})
    text = _paragraphs([*system, instructions])
    return [{"role": "system", "content": text}, *found] if text else found


def _is_text(*messages: Message) -> bool:
    return not any(message.get("tool_calls") for message in messages)


def _paragraphs(texts: Iterable[str]) -> str:
    return "\n\n".join(text for text in texts if text)


def _text(content: object) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    parts = cast("list[dict[str, Any]]", content)
    if others := sorted({str(part.get("type")) for part in parts} - {"text"}):
        raise CompletionsChatError(f"Completions take text only; a message has a part of type {', '.join(others)}.")
    return "\n".join(str(part["text"]) for part in parts)


def _listed(stop: str | Sequence[str] | None) -> list[str]:
    return [stop] if isinstance(stop, str) else list(stop or ())
