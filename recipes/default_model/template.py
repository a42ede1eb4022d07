"""The chat template in Python: documents are chats, split into what is given and what the model has to answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Piece = tuple[str, bool]
"""A text, and whether it is an answer."""
Message = dict[str, Any]
BEGIN, END = "<|begin|>", "<|end|>"
TOOL_HINT = 'To call a tool, reply with <tool_call>{"name": ..., "arguments": {...}}</tool_call>.'


def dumps(value: Any) -> str:
    """JSON as the chat template writes it."""
    return json.dumps(value, ensure_ascii=False)


def call_text(name: str, arguments: dict[str, Any]) -> str:
    """A call as the model writes it."""
    return f'<tool_call>{{"name": {dumps(name)}, "arguments": {dumps(arguments)}}}</tool_call>'


def said(role: str, content: str) -> Message:
    """One message."""
    return {"role": role, "content": content}


def render(messages: list[Message], tools: list[dict[str, Any]] | None = None) -> list[Piece]:
    """What the Jinja template makes of a chat, split so that every assistant turn is an answer."""
    out: list[Piece] = []
    text, rest, system = BEGIN, messages, ""
    if messages[0]["role"] == "system":
        system, rest = messages[0]["content"], messages[1:]
    if system or tools:
        text += "<|system|>\n" + system
        if tools:
            text += (
                ("\n\n" if system else "")
                + "Tools:\n"
                + "".join(dumps(t["function"]) + "\n" for t in tools)
                + TOOL_HINT
            )
        text += END + "\n"
    for m in rest:
        text += f"<|{m['role']}|>\n"
        if m["role"] != "assistant":
            text += m["content"] + END + "\n"
            continue
        calls = [call_text(c["function"]["name"], c["function"]["arguments"]) for c in m.get("tool_calls", [])]
        out += [(text, False), ("\n".join(([m["content"]] if m.get("content") else []) + calls) + END, True)]
        text = "\n"
    return out


def only_last(pieces: list[Piece]) -> list[Piece]:
    """The same document with its last answer only; what was said before is given."""
    return [("".join(text for text, _ in pieces[:-1]), False), pieces[-1]]


def completion(prompt: str, answer: str) -> list[Piece]:
    """A plain completion."""
    return [(BEGIN + prompt, False), (("" if prompt[-1] in " \n" else " ") + answer + END, True)]


def chat_template() -> str:
    """The Jinja template that belongs to the model."""
    return (Path(__file__).parent / "chat_template.jinja").read_text(encoding="utf-8")
