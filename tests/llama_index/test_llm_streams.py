"""What can happen to a stream: it is left early, says nothing, breaks off; and what the events then say."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload, LlamaDebugHandler

from core._server import CLOSE, HANG, STREAM, Server, chunk, event, failure, output, stream
from llmengine_integrations import errors
from llmengine_integrations.llama_index import LLMEngine

from .endpoints import STREAMS, by_name, chat_of, text_of
from .gateway import said

each_stream = pytest.mark.parametrize("call", STREAMS, ids=by_name)


def delta(text=None, **more):
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, **more}
    return {"id": "c-1", "model": "m", "choices": [choice]}


@pytest.fixture
def server():
    with Server() as server:
        yield server


@pytest.fixture(params=["v1", "v2"])
def served(request, server):
    """A model over a socket, and the pieces of a stream on its route."""
    llm = LLMEngine(model="m", base_url=server.url, api="v2", is_chat_model=request.param == "v2", max_retries=0)
    pieces = (delta("Hel"), delta("lo")) if request.param == "v2" else (output("Hel"), output("lo"))
    method = {"v1": (llm.stream_complete, llm.astream_complete), "v2": (llm.stream_chat, llm.astream_chat)}
    return (
        method[request.param],
        chat_of("hi") if request.param == "v2" else "hi",
        [chunk(event(one)) for one in pieces],
    )


async def test_leaving_a_stream_closes_its_connection(served, server):
    (method, _), given, (first, second) = served
    server.then(STREAM + first + second, HANG)
    responses = method(given)
    assert text_of(next(responses)) == "Hel"
    responses.close()
    assert await server.left()


async def test_leaving_an_async_stream_closes_its_connection(served, server):
    (_, method), given, (first, second) = served
    server.then(STREAM + first + second, HANG)
    responses = await method(given)
    assert text_of(await anext(responses)) == "Hel"
    await responses.aclose()
    assert await server.left()


async def test_a_cancelled_task_closes_its_connection(served, server):
    (_, method), given, (first, _) = served
    server.then(STREAM + first, HANG)

    async def read():
        async for _ in await method(given):
            pass

    task = asyncio.create_task(read())
    assert await server.arrivals()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await server.left()


async def test_a_stream_that_breaks_off_raises(served, server):
    (method, amethod), given, (first, _) = served
    server.always(STREAM + first, CLOSE)
    debug = LlamaDebugHandler(print_trace_on_end=False)
    method.__self__.callback_manager = CallbackManager([debug])
    with pytest.raises((errors.StreamTruncatedError, errors.APIConnectionError)):
        list(method(given))
    with pytest.raises((errors.StreamTruncatedError, errors.APIConnectionError)):
        [one async for one in await amethod(given)]
    for _, end in debug.get_event_pairs(CBEventType.LLM):
        assert isinstance(end.payload[EventPayload.EXCEPTION], errors.LLMEngineError)


async def test_an_error_inside_a_stream_raises(server):
    llm = LLMEngine(model="m", base_url=server.url, is_chat_model=False, max_retries=0)
    server.always(stream(output("Hel"), failure("no memory")))
    with pytest.raises(errors.StreamError, match="no memory"):
        list(llm.stream_complete("hi"))
    with pytest.raises(errors.StreamError, match="no memory"):
        [one async for one in await llm.astream_complete("hi")]


@each_stream
async def test_an_answer_without_a_word_is_one_empty_response(call, make_llm, gateway):
    gateway.replies = [said("")]
    responses = await call(make_llm(), "hi")
    assert text_of(responses[-1]) == ""
    assert responses[-1].raw["usage"]["completion_tokens"] == 0


async def test_a_stream_without_any_event_is_one_empty_response(server):
    """As a proxy that closes streams with [DONE] may leave of one: agents need a last response."""
    llm = LLMEngine(model="m", base_url=server.url, max_retries=0)
    server.always(stream(b"[DONE]"))
    assert [text_of(one) for one in llm.stream_chat(chat_of("hi"))] == [""]
    assert [text_of(one) async for one in await llm.astream_chat(chat_of("hi"))] == [""]
    assert [text_of(one) for one in llm.stream_complete("hi", formatted=True)] == [""]


def test_a_stream_that_never_says_that_it_is_finished_still_has_its_usage(server):
    """TensorRT-LLM's: it counts on every event instead."""
    llm = LLMEngine(model="m", base_url=server.url, is_chat_model=False, max_retries=0)
    server.then(stream(output("Hel", num_prompt_tokens=3), output("lo", num_prompt_tokens=3, num_completion_tokens=2)))
    *_, last = llm.stream_complete("hi")
    assert (last.text, last.delta) == ("Hello", "")
    assert last.raw["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def test_a_chat_stream_without_usage_is_whole_at_its_end(make_llm, gateway):
    gateway.counts = False
    *_, last = make_llm().stream_chat(chat_of("hi"))
    assert last.message.content == "You said: hi"
    assert last.additional_kwargs["finish_reason"] == "stop"
    assert "usage" not in last.raw


@pytest.mark.parametrize("thought", [None, "First I think"])
def test_thoughts_are_blocks_of_their_own(make_llm, gateway, thought):
    gateway.replies = [said("Then I answer", thinking=thought)]
    responses = list(make_llm().stream_chat(chat_of("hi")))
    assert responses[-1].message.content == "Then I answer"
    assert "".join(one.delta for one in responses) == "Then I answer"
    deltas = [one.additional_kwargs["thinking_delta"] for one in responses if "thinking_delta" in one.additional_kwargs]
    assert "".join(deltas) == (thought or "")
    kinds = [block.block_type for block in responses[-1].message.blocks]
    assert kinds == (["thinking", "text"] if thought else ["text"])


def test_a_message_that_was_streamed_can_be_sent_again(make_llm, gateway):
    llm = make_llm()
    gateway.replies = [said("Then I answer", thinking="First I think")]
    *_, last = llm.stream_chat(chat_of("hi"))
    llm.chat([*chat_of("hi"), last.message, ChatMessage(content="Go on")])
    assert gateway.last["messages"][1] == {"role": "assistant", "content": "Then I answer"}
