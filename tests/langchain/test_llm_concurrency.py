"""Many prompts, many callers: how many at a time, in which order, what an error or a cancellation ends."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from langchain_core.runnables import RunnableLambda

from llmengine_integrations import AsyncClient, errors
from llmengine_integrations.langchain import LLMEngine

from .gateway import Gateway, completion, output_event, stream


def refused(body):
    return httpx.Response(400, json={"detail": "no"})


def said(prompts):
    return [f" You said: {prompt}" for prompt in prompts]


class AsyncGateway(Gateway):
    """Waits on the event loop instead of in a thread."""

    def __init__(self):
        super().__init__()
        self.asked = asyncio.Event()

    async def __call__(self, request):
        body = self._begin(request)
        self.asked.set()
        try:
            await asyncio.sleep(self.delay)
            return self._reply(request, body)
        finally:
            self._end()


@pytest.fixture
def async_gateway():
    return AsyncGateway()


@pytest.fixture
def async_llm(async_gateway):
    client = AsyncClient(max_retries=0, http_client=httpx.AsyncClient(transport=httpx.MockTransport(async_gateway)))
    return LLMEngine(model="llama-2-7b", async_client=client, max_concurrency=3)


PROMPTS = [f"prompt {i}" for i in range(12)]


@pytest.mark.parametrize("method", ["batch", "generate"])
def test_threads_are_bounded_and_in_order(make_llm, gateway, method):
    gateway.delay = 0.02
    llm = make_llm(max_concurrency=3)
    texts = llm.batch(PROMPTS) if method == "batch" else [g[0].text for g in llm.generate(PROMPTS).generations]
    assert texts == said(PROMPTS)
    assert gateway.most_active == 3


@pytest.mark.parametrize("method", ["abatch", "agenerate"])
async def test_tasks_are_bounded_and_in_order(async_llm, async_gateway, method):
    async_gateway.delay = 0.02
    if method == "abatch":
        texts = await async_llm.abatch(PROMPTS)
    else:
        texts = [g[0].text for g in (await async_llm.agenerate(PROMPTS)).generations]
    assert texts == said(PROMPTS)
    assert async_gateway.most_active == 3


async def test_config_wins_over_the_field(make_llm, gateway, async_llm, async_gateway):
    gateway.delay = async_gateway.delay = 0.02
    make_llm().batch(PROMPTS, {"max_concurrency": 2})
    await async_llm.abatch(PROMPTS, {"max_concurrency": 5})
    assert (gateway.most_active, async_gateway.most_active) == (2, 5)


async def test_answers_as_they_complete_are_bounded_and_know_their_places(make_llm, gateway, async_llm, async_gateway):
    """LangChain's own knows only the limit of a config."""
    gateway.delay = async_gateway.delay = 0.02
    llm = make_llm(max_concurrency=3)
    assert sorted(llm.batch_as_completed(PROMPTS)) == list(enumerate(said(PROMPTS)))
    assert sorted([answer async for answer in async_llm.abatch_as_completed(PROMPTS)]) == list(enumerate(said(PROMPTS)))
    assert (gateway.most_active, async_gateway.most_active) == (3, 3)
    _ = list(llm.batch_as_completed(PROMPTS, [{"max_concurrency": 5}] * len(PROMPTS)))
    _ = [answer async for answer in async_llm.abatch_as_completed(PROMPTS, {"max_concurrency": 5})]
    assert (gateway.most_active, async_gateway.most_active) == (5, 5)
    assert list(llm.batch_as_completed([])) == [answer async for answer in async_llm.abatch_as_completed([])] == []


async def test_answers_as_they_complete_with_errors(make_llm, gateway, async_llm, async_gateway):
    gateway.answers["prompt 1"] = async_gateway.answers["prompt 1"] = refused
    gateway.delay = async_gateway.delay = 0.01
    for answers in (
        dict(make_llm().batch_as_completed(PROMPTS, return_exceptions=True)),
        dict([answer async for answer in async_llm.abatch_as_completed(PROMPTS, return_exceptions=True)]),
    ):
        assert isinstance(answers.pop(1), errors.BadRequestError)
        assert len(answers) == len(PROMPTS) - 1
    gateway.requests.clear()
    async_gateway.requests.clear()
    with pytest.raises(errors.BadRequestError):
        _ = list(make_llm(max_concurrency=2).batch_as_completed(PROMPTS))
    with pytest.raises(errors.BadRequestError):
        _ = [answer async for answer in async_llm.abatch_as_completed(PROMPTS)]
    assert len(gateway.requests) < len(PROMPTS)
    assert len(async_gateway.requests) < len(PROMPTS)
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("method", ["batch", "generate"])
def test_first_error_ends_the_rest(make_llm, gateway, method):
    gateway.answers["prompt 1"] = refused
    gateway.delay = 0.01
    with pytest.raises(errors.BadRequestError):
        getattr(make_llm(max_concurrency=2), method)(PROMPTS)
    assert len(gateway.requests) < len(PROMPTS)
    assert gateway.active == 0


@pytest.mark.parametrize("method", ["abatch", "agenerate"])
async def test_first_error_cancels_the_rest(async_llm, async_gateway, method):
    async_gateway.answers["prompt 1"] = refused
    async_gateway.delay = 0.01
    with pytest.raises(errors.BadRequestError):
        await getattr(async_llm, method)(PROMPTS)
    assert len(async_gateway.requests) < len(PROMPTS)
    assert async_gateway.active == 0
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("mode", ["batch", "abatch"])
async def test_errors_of_a_batch_stand_in_their_places(make_llm, gateway, mode):
    gateway.answers["prompt 1"] = refused
    llm = make_llm()
    prompts = PROMPTS[:3]
    if mode == "batch":
        results = llm.batch(prompts, return_exceptions=True)
    else:
        results = await llm.abatch(prompts, return_exceptions=True)
    assert [results[0], results[2]] == said(["prompt 0", "prompt 2"])
    assert isinstance(results[1], errors.BadRequestError)


@pytest.mark.parametrize("method", ["ainvoke", "abatch", "agenerate"])
async def test_cancellation_reaches_the_requests(async_llm, async_gateway, method):
    async_gateway.delay = 30
    task = asyncio.create_task(getattr(async_llm, method)("x" if method == "ainvoke" else PROMPTS))
    async with asyncio.timeout(5):
        await async_gateway.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert async_gateway.active == 0
    assert len(asyncio.all_tasks()) == 1


async def test_cancelled_stream_closes_its_connection(make_llm, gateway):
    llm = make_llm()
    gateway.answers["x"] = lambda body: stream(*(output_event(f" {i}", count=i) for i in range(1000)))
    arrived = asyncio.Event()

    async def consume():
        async for _ in llm.astream("x"):
            arrived.set()
            await asyncio.sleep(30)

    task = asyncio.create_task(consume())
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.01)
    (events,) = gateway.streams
    assert events.closed
    assert events.read < 1000


def test_leaving_a_stream_closes_its_connection(llm, gateway):
    gateway.answers["x"] = lambda body: stream(*(output_event(f" {i}", count=i) for i in range(1000)))
    for _ in llm.stream("x"):
        break
    (events,) = gateway.streams
    assert events.closed
    assert events.read < 10


async def test_closing_an_async_stream_closes_its_connection(llm, gateway):
    gateway.answers["x"] = lambda body: stream(*(output_event(f" {i}", count=i) for i in range(1000)))
    chunks = llm.astream("x")
    await anext(chunks)
    await chunks.aclose()
    await asyncio.sleep(0.01)
    (events,) = gateway.streams
    assert events.closed
    assert events.read < 10


async def test_async_calls_open_no_threads(async_llm):
    threads = set(threading.enumerate())
    await async_llm.ainvoke("x")
    await async_llm.abatch(PROMPTS)
    await async_llm.agenerate(PROMPTS)
    assert [text async for text in async_llm.astream("x")] == [" You", " said:", " x"]
    assert set(threading.enumerate()) == threads


def test_many_threads_and_event_loops_on_one_model(gateway):
    """Nothing is lost or mixed up, and connections of a closed loop are not used again."""
    gateway.delay = 0.005

    async def many(start, count):
        return await asyncio.gather(*(llm.ainvoke(f"prompt {i}") for i in range(start, start + count)))

    with gateway.served() as base_url:
        llm = LLMEngine(model="m", base_url=base_url)
        for start in (0, 50, 100):
            assert asyncio.run(many(start, 50)) == said(f"prompt {i}" for i in range(start, start + 50))
        with ThreadPoolExecutor(8) as executor:
            texts = list(executor.map(llm.invoke, [f"prompt {i}" for i in range(100)]))
            loops = list(executor.map(lambda start: asyncio.run(many(start, 10)), range(0, 80, 10)))
        assert texts == said(f"prompt {i}" for i in range(100))
        assert [text for texts in loops for text in texts] == said(f"prompt {i}" for i in range(80))


async def test_two_hundred_at_once(gateway):
    gateway.delay = 0.05
    prompts = [f"prompt {i}" for i in range(200)]
    with gateway.served() as base_url:
        llm = LLMEngine(model="m", base_url=base_url)
        started = time.monotonic()
        assert await asyncio.gather(*(llm.ainvoke(prompt) for prompt in prompts)) == said(prompts)
        assert time.monotonic() - started < 5  # one after the other would take ten seconds


def test_batch_in_a_chain_keeps_order_and_context(make_llm):
    chain = RunnableLambda(lambda i: f"prompt {i}") | make_llm(max_concurrency=4) | str.strip
    assert chain.batch(list(range(12))) == [text.strip() for text in said(PROMPTS)]


def test_slow_answers_do_not_change_the_order(make_llm, gateway):
    def slow(body):
        time.sleep(0.1)
        return completion("slow")

    gateway.answers["prompt 0"] = slow
    assert make_llm().batch(PROMPTS[:3]) == ["slow", *said(PROMPTS[1:3])]
