"""Messages, tool calls and results included, as plain turns of text, for models that are sent a prompt. Pure translation.

Many chat templates want one system message, at the beginning, and users and assistants by turns; so neighbours of one role are joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import BaseMessage

from ...prompting.guided_tools import calls_text
from .._errors import InvalidArgumentError
from .messages import openai_messages
from .template import PlainMessage

_ROLES = {"developer": "system", "function": "user", "tool": "user"}


def plain_messages(messages: Sequence[BaseMessage], instructions: str | None = None) -> list[PlainMessage]:
    """The turns of a chat.

    Args:
        messages: the chat.
        instructions: what the system message shall end with.

    Raises:
        InvalidArgumentError: A message holds something else than text.
    """
    names: dict[str, str] = {}
    turns = [_turn(message, names) for message in openai_messages(messages)]
    system = [turn["content"] for turn in turns if turn["role"] == "system"]
    if instructions is not None:
        system.append(instructions)
    first = [{"role": "system", "content": "\n\n".join(system)}] if system else []
    return first + _joined(turn for turn in turns if turn["role"] != "system")


def _turn(message: Mapping[str, Any], names: dict[str, str]) -> PlainMessage:
    role, text = str(message["role"]), _text(message.get("content"))
    for call in message.get("tool_calls", ()):
        names[call["id"]] = call["function"]["name"]
    if role in {"tool", "function"}:
        name = message.get("name") or names.get(message.get("tool_call_id", ""), "the tool")
        text = f"Result of {name}: {text}"
    elif calls := message.get("tool_calls"):
        made = calls_text(call["function"] for call in calls)
        text = f"{text}\n{made}" if text else made
    return {"role": _ROLES.get(role, role), "content": text}


def _text(content: object) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    parts = cast("list[dict[str, Any]]", content)
    if others := {str(part.get("type")) for part in parts} - {"text"}:
        raise InvalidArgumentError(f"Completions take text only; a message has a part of type {', '.join(others)}.")
    return "\n".join(str(part["text"]) for part in parts)


def _joined(turns: Iterable[PlainMessage]) -> list[PlainMessage]:
    found: list[PlainMessage] = []
    for turn in turns:
        if found and found[-1]["role"] == turn["role"]:
            found[-1]["content"] += "\n\n" + turn["content"]
        else:
            found.append(turn)
    return found
