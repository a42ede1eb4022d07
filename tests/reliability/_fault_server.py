"""The fault server, in a process of its own: what leaks in the client's process is the client's.

A target is `/<fault>/<cell>/...`: the fault is what happens to the request, the cell whom it is counted for. The first line that it
prints names its ports; it ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import socket
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.request import urlopen

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from reliability._exchange import PATIENCE, Exchange, HungUp, operation, reset
from reliability._faults import STREAMS
from reliability._odd_faults import FAULTS

LATE = 0.3
FAILURES = 0.1
FAILING = ("slow", "reset", "close", "half", "503", "429", "invalid", "hang")


def name_of(kind: str, path: str, sent: bytes) -> str:
    """The name of a call of the soak, from its request."""
    if kind in {"read", "save"}:
        return path.split("/")[-1 if kind == "read" else -2]
    field = {"create": "training_file", "chat": "content"}.get(kind, "prompt")
    pattern = 'filename="([^"]+)"' if kind == "upload" else f'"{field}":"([^"]+)"'
    return re.search(pattern.encode(), sent)[1].decode()


class FaultServer:
    """Every port, and the count of what came."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}
        self.sent: Counter[str] = Counter()
        self.journal: dict[str, list[str]] = {}
        self._random = random.Random(11)  # noqa: S311 - the same faults each time
        self._kept: list[object] = []

    async def open(self) -> None:
        """Open a port for what fails after the connection, and one for each fault of the connection itself."""
        for name in ("main", "other"):
            await self._listen(name, self._serve)
        await self._listen("accept-and-hang", self._hang)
        await self._listen("accept-and-close", self._close)
        await self._listen("accept-and-reset", self._reset)
        await self._listen("stops-reading", self._read_the_head)
        await self._listen("answers-early", self._answer_early)
        self._take_port("refused")

    async def _listen(self, name, serve) -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20, backlog=1024)
        self.ports[name] = server.sockets[0].getsockname()[1]
        self._kept.append(server)

    def _take_port(self, name: str) -> socket.socket:
        taken = socket.socket()
        taken.bind(("127.0.0.1", 0))
        self.ports[name] = taken.getsockname()[1]
        self._kept.append(taken)
        return taken

    async def _late(self) -> int:
        """A port that nobody listens on yet."""
        taken = self._take_port("late")
        port = self.ports.pop("late")

        async def listen() -> None:
            await asyncio.sleep(LATE)
            self._kept.append(await asyncio.start_server(self._serve, sock=taken))

        self._kept.append(asyncio.create_task(listen()))
        return port

    async def _hang(self, reader, writer) -> None:
        with suppress(ConnectionError):
            await asyncio.sleep(PATIENCE)
            writer.close()

    async def _read_the_head(self, reader, writer) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.pause_reading()
            await asyncio.sleep(PATIENCE)
            writer.transport.abort()

    async def _answer_early(self, reader, writer) -> None:
        """Refuse a body unread, and hang up once the refusal has had time to arrive."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            content = b'{"detail": "too large"}'
            writer.write(
                b"HTTP/1.1 413 X\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(content), content)
            )
            await writer.drain()
            await asyncio.sleep(0.2)
            writer.close()

    async def _close(self, reader, writer) -> None:
        writer.close()

    async def _reset(self, reader, writer) -> None:
        reset(writer)

    async def _serve(self, reader, writer) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (HungUp, ConnectionError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader, writer) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.partition("\r\n")[0].split(" ")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n"))
        }
        path = target.partition("?")[0]
        if path.startswith("/_"):
            await self._control(path, writer)
            return False
        _, fault, cell, rest = path.split("/", 3)
        sent = await reader.readexactly(int(headers.get("content-length", 0)))
        kind = operation(method, f"/{rest}")
        if fault == "soak":
            name = name_of(kind, path, sent)
            await self._fail_at_times(Exchange(reader, writer, kind, fault, cell, name))
            return True
        if "authorization" in headers and kind == "fetch":
            self.sent[f"{cell} credentials"] += 1
        x = Exchange(reader, writer, kind, fault, cell, FAULTS[fault].text, ports=self.ports)
        self.sent[f"{cell} {kind}"] += 1
        x.count = self.sent[f"{cell} {kind}"]
        listens = FAULTS[fault].listen
        port = self.ports.get(listens, self.ports["main"])
        if listens == "starts-late":
            port = await self._late() if kind == "urls" else port
        host = "no-such-host.invalid" if listens == "no-such-host" else "127.0.0.1"
        scheme = "https" if listens == "no-such-host" else "http"
        x.urls = f"{scheme}://{host}:{port}{x.base}/blob?Signature=presigned-5ecret"
        serve = FAULTS[fault].serve
        if serve is None or kind == "urls" or (FAULTS[fault].warm and cell.endswith("-warm")):
            await x.send(x.whole())
        else:
            await serve(x)
        return True

    async def _fail_at_times(self, x: Exchange) -> None:
        """Serve a call of the soak; every tenth request meets a fault."""
        action = self._random.choice(FAILING) if self._random.random() < FAILURES else "reply"
        self.journal.setdefault(x.text, []).append(action)
        match action:
            case "slow":
                await asyncio.sleep(0.2)
                await x.send(x.whole())
            case "reset":
                await x.reset()
            case "close":
                await x.close()
            case "half":
                await x.close(x.whole()[: -len(x.content) // 2])
            case "hang":
                await x.hang()
            case "503" | "429":
                await x.send(x.whole(b'{"detail": "busy"}', int(action), retry_after="0"))
            case "invalid":
                await x.send(x.whole(b"data: {\r\n\r\n" if x.kind in STREAMS else b"{"))
            case _:
                await x.send(x.whole())

    async def _control(self, path: str, writer) -> None:
        match path:
            case "/_late":
                value = await self._late()
            case "/_journal":
                value, self.journal = self.journal, {}
            case _:
                value = dict(self.sent)
        content = json.dumps(value).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (len(content), content))
        await writer.drain()


class Running:
    """The server as the tests see it."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.ports: dict[str, int] = json.loads(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)

    def url(self, port: str = "main") -> str:
        return f"http://127.0.0.1:{self.ports[port]}"

    def late(self) -> str:
        """The URL of a server that starts in a moment."""
        return f"http://127.0.0.1:{self._ask('/_late')}"

    def sent(self) -> dict[str, int]:
        """How many requests of each cell and kind have come."""
        return self._ask("/_sent")

    def journal(self) -> dict[str, list[str]]:
        """What was done to each request of each call of the soak; once."""
        return self._ask("/_journal")

    def _ask(self, path: str):
        with urlopen(self.url() + path, timeout=10) as reply:  # noqa: S310 - our own server
            return json.load(reply)


async def main() -> None:
    server = FaultServer()
    await server.open()
    print(json.dumps(server.ports), flush=True)  # noqa: T201 - read by who started it
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)  # whoever still hangs is let go by the system


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
