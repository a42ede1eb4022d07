"""Calls at the same time, over several event loops, and tried again."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest

from core._server import COMPLETION, WHOLE_STREAM, Server, reply
from llmengine_integrations import AsyncClient, Client, errors
from llmengine_integrations.llama_index import LLMEngine

from .endpoints import chat_of

PATIENCE = 10
CHAT = {
    "id": "c-1",
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


@pytest.fixture
def server():
    with Server() as server:
        yield server


async def test_async_calls_run_at_the_same_time():
    """Five calls, none of which is answered before all five have come."""
    together = asyncio.Barrier(5)

    async def answer(request):
        await asyncio.wait_for(together.wait(), PATIENCE)
        return httpx.Response(200, json=CHAT)

    client = AsyncClient(max_retries=0, http_client=httpx.AsyncClient(transport=httpx.MockTransport(answer)))
    llm = LLMEngine(model="m", async_client=client)
    answers = await asyncio.gather(*(llm.achat(chat_of("hi")) for _ in range(5)))
    assert [one.message.content for one in answers] == ["Hello"] * 5


def test_threads_share_a_model():
    together = threading.Barrier(4)

    def answer(request):
        together.wait(PATIENCE)
        return httpx.Response(200, json=CHAT)

    client = Client(max_retries=0, http_client=httpx.Client(transport=httpx.MockTransport(answer)))
    llm, answers = LLMEngine(model="m", client=client), []
    threads = [threading.Thread(target=lambda: answers.append(llm.chat(chat_of("hi")))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(answers) == 4


def test_every_event_loop_sends_each_request_once(server):
    server.always(reply(200, CHAT))
    llm = LLMEngine(model="m", base_url=server.url)
    for _ in range(3):
        assert asyncio.run(llm.achat(chat_of("hi"))).message.content == "Hello"
    assert len(server.received) == 3


@pytest.mark.parametrize("tries", [0, 1, 2])
async def test_it_tries_as_often_as_it_is_told(server, tries, monkeypatch):
    server.always(reply(503, {"detail": "busy"}, retry_after="0"))
    llm = LLMEngine(model="m", base_url=server.url, max_retries=tries)
    with pytest.raises(errors.ServerError, match="busy"):
        llm.chat(chat_of("hi"))
    assert len(server.received) == tries + 1
    with pytest.raises(errors.ServerError, match="busy"):
        await llm.achat(chat_of("hi"))
    assert len(server.received) == 2 * (tries + 1)


async def test_streams_try_again_until_their_first_event(server):
    llm = LLMEngine(model="m", base_url=server.url, max_retries=1, is_chat_model=False)
    for read in (lambda: list(llm.stream_complete("hi")), None):
        server.then(reply(503, {"detail": "busy"}, retry_after="0")).then(WHOLE_STREAM)
        responses = read() if read else [one async for one in await llm.astream_complete("hi")]
        assert responses[-1].text == "Hello"
    assert len(server.received) == 4


def test_errors_pass_through_unchanged(server):
    server.always(reply(404, {"detail": "The specified endpoint could not be found."}))
    llm = LLMEngine(model="m", base_url=server.url)
    with pytest.raises(errors.NotFoundError) as caught:
        llm.chat(chat_of("hi"))
    assert caught.value.status_code == 404
    assert len(server.received) == 1


def test_a_timeout_of_one_call(server):
    server.then(reply(200, CHAT)).then(COMPLETION)
    llm = LLMEngine(model="m", base_url=server.url, timeout=30)
    llm.chat(chat_of("hi"), timeout=5)
    llm.complete("hi", formatted=True, timeout=5)
    assert all("timeout" not in request.json for request in server.received)


def test_a_limit_of_time_holds(server):
    from core._server import HANG  # noqa: PLC0415 - of this test alone

    server.always(HANG)
    llm = LLMEngine(model="m", base_url=server.url, max_retries=0)
    with pytest.raises(errors.APITimeoutError):
        llm.chat(chat_of("hi"), timeout=0.2)
