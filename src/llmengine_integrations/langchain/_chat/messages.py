"""Translates LangChain's messages into those of LLM Engine's v2 chat. Pure functions.

Text is passed on, and so are all parts that OpenAI's format has. Any part that is not LangChain's or Anthropic's own is passed on too, for
models that understand it. Content that repeats a message's attributes (tool calls), or that was meant for another provider (its
thoughts), is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    convert_to_openai_data_block,
    is_data_content_block,
)

from ...prompting.tool_calls import read_call, sendable_arguments

_SAID_ELSEWHERE = frozenset(
    {
        "function_call",
        "input_json_delta",
        "invalid_tool_call",
        "reasoning",
        "reasoning_content",
        "redacted_thinking",
        "server_tool_call",
        "server_tool_call_chunk",
        "server_tool_result",
        "thinking",
        "tool_call",
        "tool_call_chunk",
        "tool_use",
    }
)


def openai_messages(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Translate messages into the form in which they are sent.

    Servers expect a result for each call. So a call that was never made because it is invalid gets a result that says so.

    Raises:
        TypeError: A message is of a kind that is never sent to a model, such as a `RemoveMessage`.
    """
    answered = {message.tool_call_id for message in messages if isinstance(message, ToolMessage)}
    found: list[dict[str, Any]] = []
    for message in messages:
        found.append(_message(message))
        if isinstance(message, AIMessage) and message.invalid_tool_calls:
            found += [_not_made(call) for call in message.invalid_tool_calls if call["id"] not in {None, *answered}]
    return found


def _message(message: BaseMessage) -> dict[str, Any]:
    match message:
        case HumanMessage():
            found = {"role": "user", "content": _content(message.content)}
        case AIMessage():
            found = _assistant(message)
        case SystemMessage():
            role = message.additional_kwargs.get("__openai_role__", "system")  # where LangChain keeps "developer"
            found = {"role": role, "content": _content(message.content)}
        case ToolMessage():
            return {"role": "tool", "content": _content(message.content), "tool_call_id": message.tool_call_id}
        case FunctionMessage():
            return {"role": "function", "content": _content(message.content), "name": message.name}
        case ChatMessage():
            found = {"role": message.role, "content": _content(message.content)}
        case _:
            raise TypeError(f"A {type(message).__name__} cannot be sent to a model.")
    return {**found, "name": message.name} if message.name else found


def _assistant(message: AIMessage) -> dict[str, Any]:
    found: dict[str, Any] = {"role": "assistant"}
    content = _joined(_content(message.content))
    calls = [*map(_call, message.tool_calls), *map(_invalid_call, message.invalid_tool_calls)]
    if content or not calls:
        found["content"] = content
    if calls:
        found["tool_calls"] = calls
    if thought := _thought(message):
        found["reasoning_content"] = thought
    if refusal := message.additional_kwargs.get("refusal"):
        found["refusal"] = refusal
    return found


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    return _function(call, json.dumps(call["args"], ensure_ascii=False))


def _invalid_call(call: Mapping[str, Any]) -> dict[str, Any]:
    return _function(call, sendable_arguments(call["args"] or ""))


def _not_made(call: Mapping[str, Any]) -> dict[str, Any]:
    problem = call["error"] or read_call(call["name"], call["args"])[1]
    return {"role": "tool", "content": f"The call was not made. {problem}", "tool_call_id": call["id"]}


def _function(call: Mapping[str, Any], arguments: str) -> dict[str, Any]:
    function = {"name": call["name"] or "", "arguments": arguments}
    return {"id": call["id"] or "", "type": "function", "function": function}


def _thought(message: AIMessage) -> str:
    """Return what the model thought, wherever LangChain keeps it: outside the content or, in its format v1, as a part of it."""
    if thought := message.additional_kwargs.get("reasoning_content"):
        return str(thought)
    return "".join(
        str(block.get("reasoning", "")) for block in _blocks(message.content) if block.get("type") == "reasoning"
    )


def _content(content: str | Sequence[str | dict[str, Any]]) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    return [_part(block) for block in _blocks(content) if block.get("type") not in _SAID_ELSEWHERE]


def _blocks(content: str | Sequence[str | dict[str, Any]]) -> Iterable[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [{"type": "text", "text": block} if isinstance(block, str) else block for block in content]


def _part(block: dict[str, Any]) -> dict[str, Any]:
    if block.get("type") == "non_standard":  # how LangChain wraps content that it does not know
        block = cast("dict[str, Any]", block["value"])
    match block:
        case {"type": "text" | "text-plain", "text": text}:
            return {"type": "text", "text": text}  # OpenAI's format has no place for the part's other fields
        case {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}:
            return _image(f"data:{kind};base64,{data}")
        case {"type": "image", "source": {"type": "url", "url": url}}:
            return _image(url)
        case _:
            return convert_to_openai_data_block(block) if is_data_content_block(block) else block


def _image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def _joined(content: str | list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Return content that is only text as one string, which every chat template understands."""
    if isinstance(content, str) or any(part.get("type") != "text" for part in content):
        return content
    return "".join(str(cast("object", part["text"])) for part in content)
