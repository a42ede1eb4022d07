"""Converts the messages of a chat request to the form that chat templates expect."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from llmengine_integrations.wire.chat import ChatRequest
from llmengine_integrations.wire.chat_messages import OLDER_ROLES

from ..runtime.generation import ChatPrompt


class UnsupportedContentError(ValueError):
    """A message contains something other than text."""


def chat_prompt(request: ChatRequest, tools: Sequence[Mapping[str, Any]]) -> ChatPrompt:
    """The prompt of a request.

    Args:
        request: the request.
        tools: the tools that the model sees.

    Raises:
        UnsupportedContentError: a message contains an image, audio or a file.
    """
    add = request.get("add_generation_prompt")
    return ChatPrompt(
        messages=[_message(dict(message)) for message in request["messages"]],
        tools=[_without_nulls(tool) for tool in tools],
        documents=request.get("documents"),
        add_generation_prompt=True if add is None else add,
        continue_final_message=request.get("continue_final_message") or False,
        template_variables=request.get("chat_template_kwargs") or {},
    )


def text_of(content: object) -> str:
    """A message's text. Its parts are joined with newlines, as in vLLM.

    Raises:
        UnsupportedContentError: a part is not text.
    """
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(map(_text_of_part, cast("list[dict[str, Any]]", content)))


def _text_of_part(part: Mapping[str, Any]) -> str:
    kind = str(part["type"])
    if kind not in ("text", "refusal"):
        raise UnsupportedContentError(f"This model takes text only; a message has a part of type {kind}.")
    return str(part[kind])


def _message(message: dict[str, Any]) -> dict[str, Any]:
    role = message["role"]
    found = {
        "role": OLDER_ROLES.get(role, role),
        "content": text_of(message.get("content")) or message.get("refusal") or "",
    }
    calls = message.get("tool_calls") or ([{"function": call}] if (call := message.get("function_call")) else [])
    if calls:
        found["tool_calls"] = [_call(call) for call in calls]
    thought = message.get("reasoning_content") or message.get("reasoning")
    if thought:
        found |= {"reasoning_content": thought, "reasoning": thought}
    return found | {key: message[key] for key in ("name", "tool_call_id") if message.get(key)}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    """A call with its arguments as an object. Templates write an object in the format that the model was trained on."""
    function = {"name": call["function"]["name"], "arguments": _object(call["function"]["arguments"])}
    return {**call, "type": "function", "function": function}


def _object(arguments: str) -> object:
    try:
        found = json.loads(arguments or "{}")
        json.dumps(found, ensure_ascii=False).encode()  # escapes may encode unpaired surrogates
    except (ValueError, RecursionError):
        return arguments
    return cast("object", found) if isinstance(found, dict) else arguments


def _without_nulls(value: Mapping[str, Any]) -> dict[str, Any]:
    """A tool without the null keys of its function. Null values in `parameters` stay, because that is the user's own schema."""
    function = {key: item for key, item in value["function"].items() if item is not None}
    return {**value, "function": function}
