"""An `AsyncClient`'s connection has one timer for the waits of all its requests: each wait still ends when it should, and not before."""

from __future__ import annotations

import asyncio
import json

import pytest

from llmengine_integrations import AsyncClient
from llmengine_integrations.errors import APITimeoutError

REPLY = json.dumps({"request_id": "r", "output": {"text": "word", "num_completion_tokens": 1}}).encode()
EVENT = json.dumps({"request_id": "r", "output": {"text": "word", "finished": False}}).encode()
LAST = json.dumps({"request_id": "r", "output": {"text": "", "finished": True}}).encode()


class Server:
    """Answers prompts: "now", "never", or so many seconds from now; a stream has an event after each of its prompt's pauses."""

    def __init__(self) -> None:
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                prompt = json.loads(await reader.readexactly(length))["prompt"]
                await (self.stream if b"stream" in head.split(b"\r\n")[0] else self.answer)(prompt, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, prompt: str, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep({"now": 0, "never": 60}.get(prompt) or float(prompt if prompt[0].isdigit() else 0))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(REPLY))
        writer.write(REPLY)
        await writer.drain()

    async def stream(self, prompt: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for pause in map(float, prompt.split()):
            await asyncio.sleep(pause)
            data = b"data: " + EVENT + b"\r\n\r\n"
            writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        data = b"data: " + LAST + b"\r\n\r\n"
        writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))
        await writer.drain()


@pytest.fixture
async def served():
    server = Server()
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    client = AsyncClient(url, "key", max_retries=0)
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
    yield server, client
    await client.close()
    listening.close()
    assert complaints == []


async def ask(client: AsyncClient, prompt: str, seconds: float | None = None) -> str:
    return (await client.completions.create("m", prompt, timeout=seconds)).output.text


async def read(client: AsyncClient, pauses: str, seconds: float) -> list[str]:
    async with client.completions.stream("m", pauses, timeout=seconds) as events:
        return [event.output.text async for event in events]


async def test_a_request_after_others_on_the_connection_still_times_out(served):
    server, client = served
    assert [await ask(client, "now", 600), await ask(client, "now", 5)] == ["word", "word"]
    with pytest.raises(APITimeoutError):
        await ask(client, "never", 0.3)
    assert server.connections == 1


async def test_a_short_wait_before_does_not_end_a_longer_one(served):
    server, client = served
    await ask(client, "now", 0.2)
    assert await ask(client, "0.6", 5) == "word"
    assert server.connections == 1


async def test_an_idle_connection_is_not_closed_by_a_wait_that_is_over(served):
    server, client = served
    await ask(client, "now", 0.2)
    await asyncio.sleep(0.5)
    assert await ask(client, "now", 5) == "word"
    assert server.connections == 1


async def test_each_event_of_a_stream_starts_the_wait_anew(served):
    _, client = served
    assert await read(client, "0.3 0.3 0.3 0.3", seconds=0.8) == ["word"] * 4 + [""]


async def test_a_stream_that_stops_times_out(served):
    _, client = served
    with pytest.raises(APITimeoutError) as caught:
        await read(client, "0 0 60", seconds=0.3)
    assert caught.value.text == "wordword"


async def test_closed_connections_leave_no_timer_behind(served):
    _, client = served
    await ask(client, "now", 600)
    await client.close()
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    assert not [timer for timer in loop._scheduled if not timer.cancelled() and timer.when() > loop.time() + 60]
