"""A server on loopback that sends exactly the bytes that a test scripts, and remembers what it was sent."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Self

PATIENCE = 10.0  # seconds until a wait counts as failed; no test that passes waits for it


class Then(Enum):
    """What the server does instead of sending something."""

    CLOSE = auto()
    RESET = auto()
    HANG = auto()  # send nothing more, until the client hangs up


CLOSE, RESET, HANG = Then.CLOSE, Then.RESET, Then.HANG


class Gate:
    """A step of a script that waits until the test opens it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._event = asyncio.Event()

    def open(self) -> None:
        self._loop.call_soon_threadsafe(self._event.set)

    async def passed(self) -> None:
        await asyncio.wait_for(self._event.wait(), PATIENCE)


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self):
        return json.loads(self.body)


class Server:
    """Answers each request with the next script; a script is bytes to send and things to do, in their order."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self._scripts: deque[tuple] = deque()
        self._always: tuple = (reply(418, {"detail": "The test scripted no reply to this request."}),)
        self._arrival = threading.Condition()
        self._left: dict[int, threading.Event] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def then(self, *steps: bytes | Then | Gate | float) -> Self:
        """Script the answer to the next request that has none yet. A number is a pause in seconds."""
        self._scripts.append(steps)
        return self

    def always(self, *steps: bytes | Then | Gate | float) -> None:
        """Script the answer to every request that has none of its own."""
        self._always = steps

    def gate(self) -> Gate:
        return Gate(self._loop)

    async def arrivals(self, count: int = 1) -> bool:
        """Wait until so many requests have come in all."""
        return await asyncio.to_thread(self._wait_for_arrivals, count)

    def _wait_for_arrivals(self, count: int) -> bool:
        with self._arrival:
            return self._arrival.wait_for(lambda: len(self.received) >= count, PATIENCE)

    async def left(self, connection: int = 0) -> bool:
        """Wait until the client has closed a connection."""
        return await asyncio.to_thread(self._gone(connection).wait, PATIENCE)

    def _gone(self, connection: int) -> threading.Event:
        return self._left.setdefault(connection, threading.Event())  # atomic: the server and the test may both be first

    @property
    def targets(self) -> list[str]:
        return [request.target for request in self.received]

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(PATIENCE)
        return self

    def __exit__(self, *_) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._socket)

    async def _stop(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self.connections = self.connections, self.connections + 1
        try:
            while (request := await _read_request(reader, number)) is not None:
                with self._arrival:
                    self.received.append(request)
                    self._arrival.notify_all()
                for step in self._scripts.popleft() if self._scripts else self._always:
                    if not await self._do(step, reader, writer):
                        return
            self._gone(number).set()
        except ConnectionError:
            self._gone(number).set()
        except asyncio.CancelledError:  # the test is over
            pass
        finally:
            writer.close()

    async def _do(
        self, step: bytes | Then | Gate | float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        match step:
            case bytes():
                writer.write(step)
                await writer.drain()
            case Gate():
                await step.passed()
            case float():
                await asyncio.sleep(step)
            case Then.HANG:
                await reader.read()
                raise ConnectionError
            case Then.RESET:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
        return step not in {CLOSE, RESET}


async def _read_request(reader: asyncio.StreamReader, connection: int) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, target, headers, body, connection)


def reply(status: int = 200, body: object = b"", **headers: str) -> bytes:
    """A whole reply; what is not bytes is sent as JSON. `retry_after` is sent as `retry-after`."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"content-type": "application/json", "content-length": str(len(content))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode("latin-1") + content


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(content: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(content), content)


def event(data: object) -> bytes:
    """An event as the gateway writes it; what is not bytes is sent as JSON."""
    return b"data: %s\r\n\r\n" % (data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode())


def output(text: str, *, finished: bool = False, **counts: int | None) -> dict:
    """An event of a completion stream."""
    counts = {"num_prompt_tokens": 3 if finished else None, "num_completion_tokens": 1} | counts
    return {"request_id": "r-1", "output": {"text": text, "finished": finished, **counts}, "error": None}


def failure(message: str, status: int = 500) -> dict:
    """The event of a completion stream that says what went wrong."""
    content = {"error": message, "timestamp": "2025-01-01 00:00:00 PST"}
    return {"request_id": "r-1", "output": None, "error": {"status_code": status, "content": content}}


def stream(*events: object, end: bytes = END) -> bytes:
    """A whole stream, one chunk an event."""
    return STREAM + b"".join(chunk(event(data)) for data in events) + end


WHOLE_STREAM = stream(output("Hel"), output("lo"), output("", finished=True))
COMPLETION = reply(200, {"request_id": "r-1", "output": {"text": "Hello", "num_completion_tokens": 2}})
MODEL = {"name": "m", "status": "READY", "inference_framework": "vllm"}
