"""The loopback server: a process of its own, one epoll loop, every reply encoded beforehand. It checks nothing but the requests' lengths.

Prints its port. Its CPU time is not the clients', so that it weighs on wall times only, and on everyone's alike.
"""

from __future__ import annotations

import os
import re
import resource
import select
import socket
import sys
import time
from collections import deque

import _replies

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STREAM = re.compile(rb"(single|coalesced|paced)-(\d+)")
_DOWNLOAD = re.compile(rb"GET /v1/files/mb-(\d+)/content")
_PACE = 0.01
_READ = 1 << 20


class _Connection:
    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.received = b""
        self.to_skip = 0
        self.outgoing: deque[memoryview | bytes] = deque()
        self.paced: list[bytes] = []

    def requests(self, data: bytes) -> None:
        """Take bytes in, and queue the replies of the requests that they complete."""
        if self.to_skip:
            skipped = min(self.to_skip, len(data))
            self.to_skip -= skipped
            if self.to_skip:
                return
            self.outgoing.append(_replies.FILE)
            data = data[skipped:]
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            length = int(found[1]) if (found := _LENGTH.search(self.received, 0, end + 2)) else 0
            whole = end + 4 + length
            if length > _READ:
                self.to_skip = whole - len(self.received)
                self.received = b""
                return
            if len(self.received) < whole:
                return
            self._answer(self.received[:whole])
            self.received = self.received[whole:]

    def _answer(self, request: bytes) -> None:
        if found := _DOWNLOAD.match(request):
            self.outgoing.extend(_replies.download(int(found[1])))
            return
        path = request.split(b" ", 2)[1]
        route = "chat" if b"/chat/" in path else "own" if b"/llm/" in path else "text"
        if (stream := _STREAM.search(request)) is None:
            known = {"own": _replies.COMPLETION, "text": _replies.TEXT_COMPLETION, "chat": _replies.CHAT_COMPLETION}
            self.outgoing.append(known[route])
            return
        kind, tokens = stream[1].decode(), int(stream[2])
        frames = _replies.frames(route, kind, tokens)
        if kind == "paced":
            self.outgoing.append(_replies.STREAM_HEAD)
            self.paced = [*frames, _replies.STREAM_END][::-1]
        else:
            self.outgoing.append(b"".join((_replies.STREAM_HEAD, *frames, _replies.STREAM_END)))

    def send(self) -> bool:
        """Send what goes; whether that was all."""
        while self.outgoing:
            data = self.outgoing.popleft()
            try:
                sent = self.socket.send(data)
            except BlockingIOError:
                sent = 0
            if sent < len(data):
                self.outgoing.appendleft(memoryview(data)[sent:])
                return False
        return True


class _Server:
    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.setblocking(False)
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)
        self._connections: dict[int, _Connection] = {}

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    def serve(self) -> None:
        due = time.monotonic()
        while True:
            paced = [one for one in self._connections.values() if one.paced]
            wait = max(0.0, due - time.monotonic()) if paced else -1
            for number, happened in self._poll.poll(wait):
                if number == self._listener.fileno():
                    self._accept()
                else:
                    self._handle(number, happened)
            if paced and time.monotonic() >= due:
                due = time.monotonic() + _PACE
                for one in paced:
                    one.outgoing.append(one.paced.pop())
                    self._flush(one)

    def _accept(self) -> None:
        while True:
            try:
                opened, _ = self._listener.accept()
            except BlockingIOError:
                return
            opened.setblocking(False)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections[opened.fileno()] = _Connection(opened)
            self._poll.register(opened, select.EPOLLIN)

    def _handle(self, number: int, happened: int) -> None:
        connection = self._connections[number]
        if happened & ~select.EPOLLOUT:
            try:
                data = connection.socket.recv(_READ)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._poll.unregister(number)
                self._connections.pop(number).socket.close()
                return
            connection.requests(data)
        self._flush(connection)

    def _flush(self, connection: _Connection) -> None:
        try:
            done = connection.send()
        except OSError:
            connection.paced = []
            connection.outgoing.clear()
            return
        wanted = select.EPOLLIN if done else select.EPOLLIN | select.EPOLLOUT
        self._poll.modify(connection.socket, wanted)


def main() -> None:
    """Serve until the process is ended."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    if len(sys.argv) > 1:
        os.sched_setaffinity(0, {int(sys.argv[1])})
    server = _Server()
    print(server.port, flush=True)
    server.serve()


if __name__ == "__main__":
    main()
