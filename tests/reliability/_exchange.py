"""One exchange on the fault server's side: the request that came, the healthy reply to it, and ways to spoil it."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import dataclass, field
from functools import lru_cache

TEXT = "Hello"
SIGNATURE = "presigned-5ecret"
BLOB = bytes(range(256)) * 80
NAME = "weights.bin"
MODEL = {"name": "m", "status": "READY", "inference_framework": "vllm"}
JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"
PATIENCE = 20.0
"""Seconds after which a server that hangs gives up: longer than any client waits."""


class HungUp(Exception):  # noqa: N818 - the end of an exchange, no error
    """The connection is over."""


def operation(method: str, path: str) -> str:
    """Which kind of call a request belongs to."""
    known = {
        "/v1/llm/fine-tunes": "create",
        "/v1/llm/completions-sync": "infer",
        "/v1/llm/completions-stream": "stream",
        "/v2/chat/completions": "chat",
        "/v1/files": "upload",
        "/v1/llm/model-endpoints/download": "urls",
        "/blob": "fetch",
    }
    if method == "POST" or path == "/blob":
        return known[path]
    return "save" if path.endswith("/content") else "read"


def events(kind: str, text: str) -> list[object]:
    """The events of a stream that says `text`."""
    if kind == "chat":
        base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        return [
            {**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}]},
            {**base, "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]},
        ]
    output = {"text": text, "finished": False, "num_prompt_tokens": None, "num_completion_tokens": 1}
    last = output | {"text": "", "finished": True, "num_prompt_tokens": 3}
    return [{"request_id": "r-1", "output": found, "error": None} for found in (output, last)]


@lru_cache(256)
def body(kind: str, text: str, urls: str = "") -> tuple[str, bytes]:
    """The content type and the body of the healthy reply."""
    if kind == "fetch":
        return "application/octet-stream", BLOB
    if kind in {"stream", "chat"}:
        told = [b"data: %s\r\n\r\n" % json.dumps(event, ensure_ascii=False).encode() for event in events(kind, text)]
        return EVENTS, b"".join(told)
    value = {
        "read": MODEL | {"id": text},
        "create": {"id": text},
        "infer": {"request_id": "r-1", "output": {"text": text, "num_completion_tokens": 1}},
        "upload": {"id": text},
        "save": {"id": "file-1", "content": text},
        "urls": {"urls": {NAME: urls}},
    }[kind]
    return JSON, json.dumps(value, ensure_ascii=False).encode()


@dataclass
class Exchange:
    """A request that has been read, and its connection. `count` tells how many of its cell came before, itself included."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    kind: str
    fault: str
    cell: str
    text: str = TEXT
    count: int = 1
    urls: str = ""
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def base(self) -> str:
        """What the target began with."""
        return f"/{self.fault}/{self.cell}"

    @property
    def content(self) -> bytes:
        """The healthy reply's body."""
        return body(self.kind, self.text, self.urls)[1]

    def head(self, status: int = 200, /, **headers: str | int | None) -> bytes:
        """A reply's head; `content_type=None` leaves a header out."""
        fields: dict[str, str | int | None] = {"content-type": body(self.kind, self.text)[0]}
        if self.kind == "fetch":
            fields["etag"] = '"blob"'
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
        return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode("latin-1")

    def whole(self, content: bytes | None = None, status: int = 200, /, **headers: str | int | None) -> bytes:
        """A whole reply, healthy unless told otherwise."""
        content = self.content if content is None else content
        return self.head(status, **{"content_length": len(content)} | headers) + content

    async def send(self, data: bytes, size: int = 0, pause: float = 0.0) -> None:
        """Send bytes, `size` at once with a pause after each."""
        for start in range(0, len(data), size or max(1, len(data))):
            self.writer.write(data[start : start + (size or len(data))])
            await self.writer.drain()
            if size:
                await asyncio.sleep(pause)

    async def hang(self) -> None:
        """Send nothing more until the client hangs up."""
        async with asyncio.timeout(PATIENCE):
            while await self.reader.read(65536):
                pass
        raise HungUp

    async def close(self, data: bytes = b"") -> None:
        """Send the last bytes and hang up in order."""
        await self.send(data)
        raise HungUp

    async def half_close(self, data: bytes = b"") -> None:
        """Send the last bytes and say that no more come, but stay."""
        await self.send(data)
        self.writer.write_eof()
        await self.hang()

    async def reset(self, data: bytes = b"") -> None:
        """Send the last bytes, give them time to arrive, and break the connection."""
        await self.send(data)
        if data:
            await asyncio.sleep(0.05)
        reset(self.writer)
        raise HungUp


def reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


def chunk(content: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(content), content)
