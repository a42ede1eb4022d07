"""The floors: raw sockets and a raw asyncio protocol, requests encoded beforehand, replies split and read with `json.loads`."""

from __future__ import annotations

import asyncio
import json
import socket
from urllib.parse import urlsplit

import _replies
from _worker import Work, crowd


def _request(host: str, path: str) -> bytes:
    body = json.dumps({"prompt": _replies.PROMPT, "max_new_tokens": 10, "temperature": 0.2}).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _length(head: bytes) -> int:
    return int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])


class _Texts:
    """The text of a stream's events, as its bytes come."""

    def __init__(self) -> None:
        self.rest = b""
        self.texts: list[str] = []
        self.ended = False

    def feed(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data: "):
                self.texts.append(json.loads(line[6:])["output"]["text"])
            elif line == b"0\r":
                self.ended = True


class _Protocol(asyncio.Protocol):
    """One connection: a reply is there when its future is."""

    def __init__(self) -> None:
        self.buffer = b""
        self.stream: _Texts | None = None
        self.reply: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.stream is not None:
            self.stream.feed(data)
            if self.stream.ended:
                self.reply.set_result(b"")
            return
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if found and len(body) >= _length(head):
            self.buffer = b""
            self.reply.set_result(body)

    async def ask(self, request: bytes) -> bytes:
        self.reply = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.reply


class Contender:
    """Does what every client does, without being one."""

    def __init__(self, url: str) -> None:
        self._host, self._port = urlsplit(url).hostname, urlsplit(url).port
        self._call = _request(self._host, f"/v1/llm/completions-sync?model_endpoint_name={_replies.MODEL}")
        self._socket: socket.socket | None = None
        self._idle: list[_Protocol] = []

    def _stream_request(self, kind: str, tokens: int) -> bytes:
        path = f"/v1/llm/completions-stream?model_endpoint_name={_replies.stream_model(kind, tokens)}"
        return _request(self._host, path)

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection((self._host, self._port))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def call_sync(self, work: Work) -> None:
        connection = self._connected()
        for _ in range(work.count):
            connection.sendall(self._call)
            data = connection.recv(65536)
            while True:
                head, found, body = data.partition(b"\r\n\r\n")
                if found and len(body) >= _length(head):
                    break
                data += connection.recv(65536)
            _replies.check(json.loads(body)["output"]["text"])

    async def call_async(self, work: Work) -> None:
        async def one() -> None:
            connection = await self._connection()
            _replies.check(json.loads(await connection.ask(self._call))["output"]["text"])
            self._idle.append(connection)

        await crowd(one, work)

    async def _connection(self) -> _Protocol:
        if self._idle:
            return self._idle.pop()
        _, protocol = await asyncio.get_running_loop().create_connection(_Protocol, self._host, self._port)
        return protocol

    def _stream_sync(self, kind: str, work: Work) -> None:
        connection, request = self._connected(), self._stream_request(kind, work.tokens)
        for _ in range(work.count):
            connection.sendall(request)
            stream = _Texts()
            while not stream.ended:
                stream.feed(connection.recv(65536))
            _replies.check("".join(stream.texts), work.tokens)

    def stream_sync_single(self, work: Work) -> None:
        self._stream_sync("single", work)

    def stream_sync_coalesced(self, work: Work) -> None:
        self._stream_sync("coalesced", work)

    async def _stream_async(self, kind: str, work: Work) -> None:
        request = self._stream_request(kind, work.tokens)

        async def one() -> None:
            connection = await self._connection()
            connection.stream = stream = _Texts()
            await connection.ask(request)
            connection.stream = None
            _replies.check("".join(stream.texts), work.tokens)
            self._idle.append(connection)

        await crowd(one, work)

    async def stream_async_single(self, work: Work) -> None:
        await self._stream_async("single", work)

    async def stream_async_coalesced(self, work: Work) -> None:
        await self._stream_async("coalesced", work)

    async def stream_async_paced(self, work: Work) -> None:
        await self._stream_async("paced", work)
