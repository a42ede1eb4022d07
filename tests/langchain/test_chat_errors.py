"""Errors of chats are core's own and LangChain's at once, with everything that core knows."""

from __future__ import annotations

import httpx
import pytest
from langchain_core import exceptions

from llmengine_integrations import errors
from llmengine_integrations.langchain import ChatLLMEngine, _errors

from . import chat_calls as calls
from .chat_gateway import chunk, played, reply
from .gateway import stream
from .test_llm_errors import STATUSES, model_errors


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("call", calls.ALL)
async def test_statuses(chat, chat_gateway, call, status):
    kind, _, retryable = STATUSES[status]
    body = {"detail": "why not", "request_id": "req-9"}
    chat_gateway.refuse = lambda _: httpx.Response(status, json=body)
    with pytest.raises(kind) as caught:
        await call(chat, "x")
    error = caught.value
    assert (error.status_code, error.message, error.body, error.request_id) == (status, "why not", body, "req-9")
    assert error.is_retryable is retryable
    assert type(error.__cause__) is kind


@model_errors
@pytest.mark.parametrize("status", STATUSES)
def test_statuses_as_langchain_knows_them(chat, chat_gateway, status):
    chat_gateway.refuse = lambda _: httpx.Response(status, json={"detail": "why not"})
    with pytest.raises(getattr(exceptions, STATUSES[status][1])):
        chat.invoke("x")


RECORDED = {
    "079-chat-404": errors.NotFoundError,
    "082-chat-422-temperature": errors.ValidationError,
    "083-chat-400-not-supported-framework": errors.BadRequestError,
    "084-chat-400-upstream": errors.BadRequestError,
    "086-chat-500-upstream": errors.ServerError,
    "088-chat-410-retired": errors.GoneError,
}


@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.parametrize("call", calls.WHOLE)
async def test_recorded_refusals(chat, chat_gateway, call, name):
    chat_gateway.refuse = lambda _: played(name)
    with pytest.raises(RECORDED[name]) as caught:
        await call(chat, "x")
    assert isinstance(caught.value, _errors.ModelError)


@pytest.mark.parametrize("name", ["075-chat-stream-midstream-error", "076-chat-stream-midstream-crash"])
@pytest.mark.parametrize("call", calls.STREAMED)
async def test_recorded_failures_inside_a_stream(chat, chat_gateway, call, name):
    chat_gateway.refuse = lambda _: played(name)
    with pytest.raises(errors.StreamError) as caught:
        await call(chat, "x")
    assert caught.value.status_code == 500
    assert caught.value.is_retryable


@pytest.mark.parametrize("call", calls.WHOLE)
async def test_a_reply_without_an_answer(chat, chat_gateway, call):
    chat_gateway.answers["x"] = lambda body: reply()
    with pytest.raises(errors.InvalidResponseError) as caught:
        await call(chat, "x")
    assert caught.value.is_retryable


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_a_stream_that_just_ends_is_no_short_answer(chat, chat_gateway, call):
    chat_gateway.answers["x"] = lambda _: stream(chunk({"content": "Once"}), chunk({"content": " upon"}))
    with pytest.raises(errors.StreamTruncatedError) as caught:
        await call(chat, "x")
    assert caught.value.text == "Once upon"
    assert caught.value.is_retryable


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_a_stream_that_breaks_is_no_short_answer(chat, chat_gateway, call):
    broken = httpx.RemoteProtocolError("peer closed connection")
    chat_gateway.answers["x"] = lambda _: stream(chunk({"content": "Once"}), breaks=broken)
    with pytest.raises(errors.APIConnectionError) as caught:
        await call(chat, "x")
    assert caught.value.is_retryable


@pytest.mark.parametrize("call", calls.ALL)
async def test_prompt_too_long(chat, chat_gateway, call):
    detail = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."
    chat_gateway.refuse = lambda _: httpx.Response(400, json={"detail": detail})
    with pytest.raises(exceptions.ContextOverflowError):
        await call(chat, "x")


@pytest.mark.parametrize("call", calls.ALL)
async def test_empty_model_name(chat, call):
    with pytest.raises(errors.InvalidArgumentError) as caught:
        await call(chat, "x", model="")
    assert not caught.value.is_retryable


@pytest.mark.parametrize("call", calls.ALL)
async def test_no_server(call, unused_tcp_port):
    chat = ChatLLMEngine(model="m", base_url=f"http://127.0.0.1:{unused_tcp_port}", max_retries=0)
    with pytest.raises(errors.APIConnectionError, match="llmengine serve") as caught:
        await call(chat, "x")
    assert caught.value.is_retryable


def test_missing_key_is_said_at_once():
    with pytest.raises(errors.ConfigurationError, match="SCALE_API_KEY"):
        ChatLLMEngine(model="m", base_url="https://llm-engine.example.com")


def test_errors_of_the_caller_pass_through_a_stream(chat):
    def consume():
        for _ in chat.stream("x"):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        consume()
