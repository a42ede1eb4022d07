"""Converts LlamaIndex's messages to the wire format. Pure functions that do not change their input."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from ..prompting.chat_template import plain_prompt, without_tool_messages
from ..prompting.tool_calls import sendable_arguments
from ..wire.chat_messages import OLDER_ROLES

_ROLES = {**OLDER_ROLES, MessageRole.MODEL.value: "assistant", MessageRole.CHATBOT.value: "assistant"}
_LEFT_OUT = (ThinkingBlock, CachePoint, ToolCallBlock)
"""Blocks that are not content: thoughts are not sent back, and calls have their own field."""


def wire_messages(messages: Iterable[ChatMessage]) -> list[dict[str, Any]]:
    """The messages of a request.

    Raises:
        ValueError: A block, such as a video, cannot be sent.
    """
    return [_message(message) for message in messages]


def chat_prompt(messages: Iterable[ChatMessage]) -> str:
    """A chat as plain lines, as `LLMEngine(api="v1")` sends it to a model without a template; "" if it contains no text."""
    turns = [_in_words(message) for message in messages]
    return plain_prompt(without_tool_messages(turns)) if any(one["content"].strip() for one in turns) else ""


def wire_calls(message: ChatMessage) -> list[dict[str, Any]]:
    """The tool calls of a message: those in its blocks, otherwise those that older code stores in the additional keyword arguments."""
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if blocks:
        return [wire_call(block) for block in blocks]
    older = cast("Sequence[Any]", message.additional_kwargs.get("tool_calls") or [])
    return [_plain(call) for call in older]


def wire_call(block: ToolCallBlock) -> dict[str, Any]:
    """A call, with its arguments as JSON."""
    arguments = block.tool_kwargs
    written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    function = {"name": block.tool_name, "arguments": written}
    return {"id": block.tool_call_id or "", "type": "function", "function": function}


def _message(message: ChatMessage) -> dict[str, Any]:
    role = _ROLES.get(message.role.value, message.role.value)
    content = _content(message.blocks)
    found: dict[str, Any] = {"role": role, "content": content}
    if role == "tool":
        found["tool_call_id"] = message.additional_kwargs.get("tool_call_id") or ""
    elif role == "assistant" and (calls := wire_calls(message)):
        found["tool_calls"] = [_sendable(call) for call in calls]
        if not content:
            del found["content"]
    name = message.additional_kwargs.get("name")
    return {**found, "name": name} if name and role != "tool" else found


def _sendable(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {**call, "function": {**function, "arguments": sendable_arguments(function.get("arguments") or "")}}


def _in_words(message: ChatMessage) -> dict[str, Any]:
    """Any LLM's message as text: its text and its calls."""
    calls = [wire_call(block) for block in message.blocks if isinstance(block, ToolCallBlock)]
    found = {"role": _ROLES.get(message.role.value, message.role.value), "content": message.content or ""}
    found["tool_call_id"] = str(message.additional_kwargs.get("tool_call_id") or "")
    return {**found, "tool_calls": calls} if calls else found


def _content(blocks: Sequence[Any]) -> str | list[dict[str, Any]]:
    """The content: plain text if there is only text, because templates of older servers do not support lists. Newlines join text parts."""
    parts = [part for block in blocks if not isinstance(block, _LEFT_OUT) for part in _parts(block)]
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def _parts(block: Any) -> list[dict[str, Any]]:
    match block:
        case TextBlock():
            return [{"type": "text", "text": block.text}]
        case ImageBlock():
            return [{"type": "image_url", "image_url": _image(block)}]
        case AudioBlock():
            data = block.resolve_audio(as_base64=True).read().decode()
            return [{"type": "input_audio", "input_audio": {"data": data, "format": block.format or "wav"}}]
        case DocumentBlock():
            data = base64.b64encode(block.resolve_document().read()).decode()
            mimetype = block.document_mimetype or "application/octet-stream"
            file = {"filename": block.title or "document", "file_data": f"data:{mimetype};base64,{data}"}
            return [{"type": "file", "file": file}]
        case CitableBlock():
            return [part for inner in block.content for part in _parts(inner)]
        case CitationBlock():
            return _parts(block.cited_content)
        case _:
            raise ValueError(f"A block of type {getattr(block, 'block_type', type(block).__name__)} cannot be sent.")


def _image(block: ImageBlock) -> dict[str, Any]:
    detail = {"detail": block.detail} if block.detail else {}
    if block.url is not None and not block.image:
        return {"url": str(block.url), **detail}
    data = block.resolve_image(as_base64=True).read().decode()
    return {"url": f"data:{block.image_mimetype or 'image/png'};base64,{data}", **detail}


def _plain(call: Any) -> dict[str, Any]:
    """A call as a dict; OpenAI's package uses objects."""
    return dict(cast("Mapping[str, Any]", call if isinstance(call, Mapping) else call.model_dump(exclude_none=True)))
