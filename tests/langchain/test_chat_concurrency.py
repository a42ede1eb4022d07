"""Many chats, many callers: how many at a time, in which order, what an error or a cancellation ends."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from llmengine_integrations import Client, errors
from llmengine_integrations.langchain import ChatLLMEngine

from .chat_gateway import chunk
from .gateway import stream

PROMPTS = [f"prompt {i}" for i in range(12)]


def said(prompts):
    return [f" You said: {prompt}" for prompt in prompts]


def contents(messages):
    return [message.content for message in messages]


@pytest.fixture
def refused(chat_gateway):
    chat_gateway.answers["prompt 1"] = lambda body: httpx.Response(400, json={"detail": "no"})


async def many(chat, start, count):
    return contents(await asyncio.gather(*(chat.ainvoke(f"prompt {i}") for i in range(start, start + count))))


def test_batches_are_bounded_and_in_order(make_chat, chat_gateway):
    chat_gateway.delay = 0.02
    assert contents(make_chat(max_concurrency=3).batch(PROMPTS)) == said(PROMPTS)
    assert chat_gateway.most_active == 3
    chat_gateway.most_active = 0
    make_chat().batch(PROMPTS, {"max_concurrency": 2})
    assert chat_gateway.most_active == 2


async def test_async_batches_are_bounded_and_in_order(chat_gateway):
    chat_gateway.delay = 0.02
    with chat_gateway.served() as base_url:
        chat = ChatLLMEngine(model="m", base_url=base_url, max_concurrency=3)
        assert contents(await chat.abatch(PROMPTS)) == said(PROMPTS)
        assert chat_gateway.most_active == 3
        chat_gateway.most_active = 0
        assert sorted([(place, one.content) async for place, one in chat.abatch_as_completed(PROMPTS)]) == list(
            enumerate(said(PROMPTS))
        )
        assert chat_gateway.most_active <= 3


@pytest.mark.usefixtures("refused")
async def test_errors_of_a_batch_stand_in_their_places(chat):
    for found in (
        chat.batch(PROMPTS[:3], return_exceptions=True),
        await chat.abatch(PROMPTS[:3], return_exceptions=True),
    ):
        assert contents([found[0], found[2]]) == said(["prompt 0", "prompt 2"])
        assert isinstance(found[1], errors.BadRequestError)


@pytest.mark.usefixtures("refused")
async def test_the_first_error_ends_the_rest(make_chat, chat_gateway):
    chat_gateway.delay = 0.01
    with pytest.raises(errors.BadRequestError):
        make_chat(max_concurrency=2).batch(PROMPTS)
    with pytest.raises(errors.BadRequestError):
        await make_chat(max_concurrency=2).abatch(PROMPTS)
    assert len(chat_gateway.requests) < 2 * len(PROMPTS)
    assert chat_gateway.active == 0
    assert len(asyncio.all_tasks()) == 1


def endless(body):
    return stream(*(chunk({"content": f" {i}"}) for i in range(1000)))


async def test_leaving_a_stream_closes_its_connection(chat, chat_gateway):
    chat_gateway.answers["x"] = endless
    for _ in chat.stream("x"):
        break
    chunks = chat.astream("x")
    await anext(chunks)
    await chunks.aclose()
    await asyncio.sleep(0.01)
    assert [(events.closed, events.read < 10) for events in chat_gateway.streams] == [(True, True), (True, True)]


async def test_a_cancelled_stream_closes_its_connection(chat, chat_gateway):
    chat_gateway.answers["x"] = endless
    arrived = asyncio.Event()

    async def consume():
        async for _ in chat.astream("x"):
            arrived.set()
            await asyncio.sleep(30)

    task = asyncio.create_task(consume())
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.01)
    assert chat_gateway.streams[0].closed


async def test_async_calls_open_no_threads(chat):
    threads = set(threading.enumerate())
    await chat.ainvoke("x")
    await chat.abatch(PROMPTS)
    assert [one.content async for one in chat.astream("x")] == [" You", " said:", " x", ""]
    assert set(threading.enumerate()) == threads


async def test_two_hundred_at_once(chat_gateway):
    with chat_gateway.served() as base_url:
        chat = ChatLLMEngine(model="m", base_url=base_url)
        assert await many(chat, 0, 200) == said(f"prompt {i}" for i in range(200))
    assert len(chat_gateway.requests) == 200


def test_threads_that_begin_together_share_the_client(chat_gateway, monkeypatch):
    made = []

    def slow_to_make(client, http_client=None):
        made.append(client)
        time.sleep(0.05)
        return to_async(client, http_client)

    to_async = Client.to_async
    monkeypatch.setattr(Client, "to_async", slow_to_make)
    with chat_gateway.served() as base_url:
        chat = ChatLLMEngine(model="m", base_url=base_url)
        with ThreadPoolExecutor(8) as executor:
            texts = contents(executor.map(lambda i: asyncio.run(chat.ainvoke(f"prompt {i}")), range(8)))
    assert texts == said(f"prompt {i}" for i in range(8))
    assert len(made) == 1


def test_many_threads_and_event_loops_on_one_model(chat_gateway):
    """Nothing is lost or mixed up, and connections of a closed loop are not used again."""
    chat_gateway.delay = 0.002

    async def streamed(prompt):
        return "".join([one.content async for one in chat.astream(prompt)])

    with chat_gateway.served() as base_url:
        chat = ChatLLMEngine(model="m", base_url=base_url)
        for start in (0, 50, 100):
            assert asyncio.run(many(chat, start, 50)) == said(f"prompt {i}" for i in range(start, start + 50))
        with ThreadPoolExecutor(8) as executor:
            texts = contents(executor.map(chat.invoke, [f"prompt {i}" for i in range(100)]))
            streams = list(executor.map(lambda i: asyncio.run(streamed(f"prompt {i}")), range(40)))
            loops = list(executor.map(lambda start: asyncio.run(many(chat, start, 10)), range(0, 80, 10)))
    assert texts == said(f"prompt {i}" for i in range(100))
    assert streams == said(f"prompt {i}" for i in range(40))
    assert [text for found in loops for text in found] == said(f"prompt {i}" for i in range(80))
