"""What the loopback server answers, encoded once, and what a client must have read. Standard library only."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

WORD = " word"
SHORT = 10
"""Tokens of a whole reply."""
PROMPT = "Tell me something in ten words, please."
MODEL = "llama-2-7b"
STREAMS = ("single", "coalesced", "paced")
"""A stream's events: each a chunk of its own, as many as fit into 16 kB, or one every few milliseconds."""
CHUNK = 16 * 1024
BLOCK = b"x" * (1 << 20)


def text(tokens: int) -> str:
    """The reply."""
    return WORD * tokens


def stream_model(kind: str, tokens: int) -> str:
    """The model's name is where a client says which stream it wants."""
    return f"{kind}-{tokens}"


def check(read: str | None, tokens: int = SHORT) -> None:
    """Fail unless a client has read the whole reply."""
    if read != text(tokens):
        raise AssertionError(f"a wrong reply of {len(read or '')} characters, not {len(text(tokens))}: {read!r:.60}")


def _message(status: bytes, headers: dict[str, str], body: bytes) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return b"HTTP/1.1 " + status + b"\r\n" + lines.encode() + b"\r\n" + body


def json_message(body: Any) -> bytes:
    """A whole reply."""
    content = json.dumps(body, separators=(",", ":")).encode()
    return _message(b"200 OK", {"content-type": "application/json", "content-length": str(len(content))}, content)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


COMPLETION = json_message(
    {
        "request_id": "b5cf4a28-46d5-4a0c-9a79-3a2a4ef1f8a5",
        "output": {"text": text(SHORT), "num_prompt_tokens": 9, "num_completion_tokens": SHORT, "tokens": None},
    }
)
_OF_OPENAI = {"id": "cmpl-b5cf4a2846d54a0c9a79", "created": 1700000000, "model": MODEL}
_USAGE = {"prompt_tokens": 9, "completion_tokens": SHORT, "total_tokens": 9 + SHORT}
TEXT_COMPLETION = json_message(
    {
        **_OF_OPENAI,
        "object": "text_completion",
        "choices": [{"index": 0, "text": text(SHORT), "logprobs": None, "finish_reason": "stop"}],
        "usage": _USAGE,
    }
)
CHAT_COMPLETION = json_message(
    {
        **_OF_OPENAI,
        "object": "chat.completion",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text(SHORT)}, "finish_reason": "stop"},
        ],
        "usage": _USAGE,
    }
)


def download(megabytes: int) -> list[bytes]:
    """A file as the gateway sends it: a string inside a JSON object."""
    before, after = b'{"id":"mb","content":"', b'"}'
    length = len(before) + len(BLOCK) * megabytes + len(after)
    head = _message(b"200 OK", {"content-type": "application/json", "content-length": str(length)}, b"")
    return [head, before, *[BLOCK] * megabytes, after]


FILE = json_message({"id": "file-1"})
STREAM_HEAD = _message(b"200 OK", {"content-type": "text/event-stream", "transfer-encoding": "chunked"}, b"")
STREAM_END = _chunk(b"")


def _own_event(number: int, tokens: int) -> dict[str, Any]:
    output = {
        "text": WORD,
        "finished": number == tokens,
        "num_prompt_tokens": 9 if number == tokens else None,
        "num_completion_tokens": number,
        "token": None,
    }
    return {"request_id": "b5cf4a28-46d5-4a0c-9a79-3a2a4ef1f8a5", "output": output}


def _text_event(number: int, tokens: int) -> dict[str, Any]:
    end = "stop" if number == tokens else None
    choice = {"index": 0, "text": WORD, "logprobs": None, "finish_reason": end}
    return {**_OF_OPENAI, "object": "text_completion", "choices": [choice]}


def _chat_event(number: int, tokens: int) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": WORD}, "finish_reason": "stop" if number == tokens else None}
    return {**_OF_OPENAI, "object": "chat.completion.chunk", "choices": [choice]}


_EVENTS = {"own": _own_event, "text": _text_event, "chat": _chat_event}


@lru_cache(maxsize=64)
def frames(route: str, kind: str, tokens: int) -> tuple[bytes, ...]:
    """The chunks of a stream, as HTTP sends them. Each holds whole events, so that the floors may be simple."""
    make = _EVENTS[route]
    events = [
        b"data: " + json.dumps(make(n + 1, tokens), separators=(",", ":")).encode() + b"\r\n\r\n" for n in range(tokens)
    ]
    if route != "own":
        events.append(b"data: [DONE]\r\n\r\n")
    if kind != "coalesced":
        return tuple(map(_chunk, events))
    packed: list[bytes] = [b""]
    for event in events:
        if len(packed[-1]) + len(event) > CHUNK:
            packed.append(b"")
        packed[-1] += event
    return tuple(map(_chunk, packed))
