"""Cancelling a task stops what it waits for, wherever that is, and closes its connection."""

from __future__ import annotations

import asyncio

import pytest

from core._server import COMPLETION, HANG, STREAM, chunk, event, output, reply
from llmengine_integrations.errors import StreamClosedError

pytestmark = pytest.mark.parametrize("kind", ["async", "async-httpx"])
HEL = chunk(event(output("Hel")))


async def cancelled(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_of_a_call(api, server):
    server.then(HANG).then(COMPLETION)
    call = asyncio.create_task(api.create())
    assert await server.arrivals()
    await cancelled(call)
    assert await server.left()
    assert (await api.create()).output.text == "Hello"
    assert server.connections == 2


@pytest.mark.parametrize("steps", [(HANG,), (STREAM, HANG)], ids=["before the status", "before the first event"])
async def test_of_a_stream_that_opens(steps, api, server):
    server.then(*steps)
    call = asyncio.create_task(api.read())
    assert await server.arrivals()
    await cancelled(call)
    assert await server.left()


async def test_of_a_stream_between_two_events(api, server):
    server.then(STREAM, HEL, HANG)
    first = asyncio.Event()

    async def read():
        async with api.stream() as events:
            await anext(events)
            first.set()
            await anext(events)

    reading = asyncio.create_task(read())
    await first.wait()
    await cancelled(reading)
    assert await server.left()


async def test_of_one_read_only(api, server):
    """The read is over and the block is not: what follows is not silence that passes for the end of the answer."""
    server.then(STREAM, HEL, HANG)
    async with api.stream() as events:
        await anext(events)
        following = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        await cancelled(following)
        for _ in range(2):
            with pytest.raises(StreamClosedError, match="cancelled") as caught:
                await anext(events)
            assert caught.value.text == "Hel"


async def test_of_the_wait_for_the_next_try(api, server, monkeypatch):
    waiting = asyncio.Event()

    async def wait_for_ever(seconds):
        waiting.set()
        await asyncio.Event().wait()

    server.always(reply(503, retry_after="60"))
    monkeypatch.setattr(asyncio, "sleep", wait_for_ever)
    call = asyncio.create_task(api.create())
    await waiting.wait()
    await cancelled(call)
    assert len(server.received) == 1


async def test_a_timeout_of_asyncio_is_its_own(api, server):
    server.then(HANG)
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.2):
            await api.create()
    assert type(caught.value) is TimeoutError
    assert await server.left()
    assert len(server.received) == 1
