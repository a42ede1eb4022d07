"""The OpenAI-style (v2) calls on both clients: what travels, what is tried again, what is raised."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

import httpx
import pytest

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.core.errors import (
    APIConnectionError,
    BadRequestError,
    GoneError,
    InvalidResponseError,
    LLMEngineError,
    NotFoundError,
    RateLimitError,
    ServerError,
    StreamError,
    StreamTruncatedError,
    ValidationError,
)
from llmengine_integrations.wire.chat import ChatCompletion
from llmengine_integrations.wire.text_completions import TextCompletion

HELLO = [{"role": "user", "content": "hello"}]
INTERNAL = {"detail": "Internal error occurred. Our team has been notified."}
UPSTREAM = {"detail": "Upstream service error for request_id c29a78c7-6af7-4040-9032-a94a6c7e2ce1"}
CHAT = {
    "id": "chatcmpl-1",
    "choices": [{"finish_reason": "stop", "index": 0, "message": {"role": "assistant", "content": "hi"}}],
    "created": 1,
    "model": "m",
    "object": "chat.completion",
}
TEXT = {
    "id": "cmpl-1",
    "choices": [{"finish_reason": "stop", "index": 0, "text": "hi"}],
    "created": 1,
    "model": "m",
    "object": "text_completion",
}


def fails(status, body):
    """A reply with an error status; the client would try again at once."""
    return lambda: httpx.Response(status, json=body, headers={"retry-after": "0"})


def event(body):
    return f"data: {json.dumps(body)}\r\n\r\n".encode()


def delta(text, finish_reason=None):
    choice = {"index": 0, "delta": {"content": text}} | ({"finish_reason": finish_reason} if finish_reason else {})
    return event(CHAT | {"choices": [choice], "object": "chat.completion.chunk"})


ERROR_EVENT = event({"error": {"status_code": 500, "content": {"error": UPSTREAM["detail"], "timestamp": "now"}}})


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A reply's bytes; may break off."""

    def __init__(self, *pieces, breaks=False):
        self.pieces, self.breaks, self.closed = pieces, breaks, False

    def __iter__(self):
        yield from self.pieces
        if self.breaks:
            raise httpx.RemoteProtocolError("peer closed connection")

    async def __aiter__(self):
        for piece in self:
            yield piece

    def close(self):
        self.closed = True

    async def aclose(self):
        self.closed = True


def streams(*pieces, breaks=False):
    headers = {"content-type": "text/event-stream; charset=utf-8"}
    return lambda: httpx.Response(200, headers=headers, stream=Pieces(*pieces, breaks=breaks))


@dataclass
class Outcome:
    requests: list = field(default_factory=list)
    reply: object = None
    events: list = field(default_factory=list)
    error: LLMEngineError | None = None

    @property
    def bodies(self):
        return [json.loads(request.content) for request in self.requests]

    @property
    def texts(self):
        return [event.text for event in self.events]


def run_sync(call, handler, outcome):
    with httpx.Client(transport=httpx.MockTransport(handler)) as http:
        reply = call(Client("http://gateway.test/base", "key", http_client=http))
        if not hasattr(reply, "__enter__"):
            outcome.reply = reply
            return
        with reply as events:
            for item in events:
                outcome.events.append(item)


async def run_async(call, handler, outcome):
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as http:
        reply = call(AsyncClient("http://gateway.test/base", "key", http_client=http))
        if not hasattr(reply, "__aenter__"):
            outcome.reply = await reply
            return
        async with reply as events:
            async for item in events:
                outcome.events.append(item)


@pytest.fixture(params=["sync", "async"])
def play(request):
    """Run a call against these replies, one after the other, on one of the clients."""

    def play(call, *replies):
        outcome, left = Outcome(), list(replies)

        def handler(sent):
            outcome.requests.append(sent)
            return left.pop(0)()

        try:
            if request.param == "sync":
                run_sync(call, handler, outcome)
            else:
                asyncio.run(run_async(call, handler, outcome))
        except LLMEngineError as error:
            outcome.error = error
        assert not left, "replies that nobody asked for"
        return outcome

    return play


def chat(client):
    return client.chat.create("m", HELLO, temperature=0)


def chat_stream(client):
    return client.chat.stream("m", HELLO, temperature=0)


def text(client):
    return client.text_completions.create("m", "hi", max_tokens=4)


def text_stream(client):
    return client.text_completions.stream("m", "hi", max_tokens=4)


def test_chat(play):
    outcome = play(chat, lambda: httpx.Response(200, json=CHAT))
    assert outcome.reply == ChatCompletion.model_validate(CHAT)
    assert str(outcome.requests[0].url) == "http://gateway.test/base/v2/chat/completions"
    assert outcome.requests[0].method == "POST"
    assert outcome.bodies == [{"model": "m", "messages": HELLO, "temperature": 0}]


def test_text_completions(play):
    outcome = play(text, lambda: httpx.Response(200, json=TEXT))
    assert outcome.reply == TextCompletion.model_validate(TEXT)
    assert str(outcome.requests[0].url) == "http://gateway.test/base/v2/completions"
    assert outcome.bodies == [{"model": "m", "prompt": "hi", "max_tokens": 4}]


def test_a_chat_stream(play):
    outcome = play(chat_stream, streams(delta(" Once"), delta(" upon"), delta("", "stop")))
    assert outcome.error is None
    assert outcome.texts == [" Once", " upon", ""]
    assert outcome.bodies == [{"model": "m", "messages": HELLO, "temperature": 0, "stream": True}]


def test_a_stream_of_text_completions_from_a_gateway_that_can(play):
    first = event(TEXT | {"choices": [{"index": 0, "text": "hi"}]})
    outcome = play(text_stream, streams(first, event(TEXT)))
    assert outcome.error is None
    assert outcome.texts == ["hi", "hi"]
    assert outcome.bodies == [{"model": "m", "prompt": "hi", "max_tokens": 4, "stream": True}]


@pytest.mark.parametrize("call", [chat, chat_stream, text, text_stream])
@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (400, {"detail": "prompt was rejected"}, BadRequestError, "prompt was rejected"),
        (400, {"detail": {"object": "error", "message": "too long"}}, BadRequestError, "too long"),
        (404, {"detail": "Model endpoint m not found."}, NotFoundError, "Model endpoint m not found."),
        (410, {"detail": "The endpoint m is deprecated. max_workers is 0."}, GoneError, "deprecated"),
        (
            422,
            {"detail": [{"type": "less_than_equal", "loc": ["body", "temperature"], "msg": "too high", "input": 3}]},
            ValidationError,
            "temperature: too high",
        ),
        (500, INTERNAL, ServerError, "Internal error occurred"),
        (500, {"error": "Internal error occurred.", "request_id": "r-1"}, ServerError, "Internal error occurred"),
    ],
)
def test_an_error_status_is_raised_at_once(play, call, status, body, kind, message):
    outcome = play(call, fails(status, body))
    assert type(outcome.error) is kind
    assert message in outcome.error.message
    assert (outcome.error.status_code, outcome.error.body) == (status, body)


@pytest.mark.parametrize("call", [chat, chat_stream, text, text_stream])
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [(500, UPSTREAM, ServerError), (503, {}, ServerError), (429, {"error": "Too many requests"}, RateLimitError)],
)
def test_a_failure_that_may_pass_is_tried_again_twice(play, call, status, body, kind):
    outcome = play(call, *[fails(status, body)] * 3)
    assert type(outcome.error) is kind
    first, second, third = outcome.bodies
    assert first == second == third


def test_a_chat_comes_through_after_a_failure(play):
    assert play(chat, fails(500, UPSTREAM), lambda: httpx.Response(200, json=CHAT)).reply.text == "hi"
    assert play(chat_stream, fails(500, UPSTREAM), streams(delta("hi", "stop"))).texts == ["hi"]


def test_an_error_event_ends_a_stream_and_is_not_tried_again(play):
    outcome = play(chat_stream, streams(delta(" Once"), delta(" upon"), ERROR_EVENT))
    assert type(outcome.error) is StreamError
    assert (outcome.error.status_code, outcome.error.text) == (500, " Once upon")
    assert outcome.error.request_id == "c29a78c7-6af7-4040-9032-a94a6c7e2ce1"
    assert outcome.texts == [" Once", " upon"]


def test_a_stream_that_just_ends_is_truncated(play):
    outcome = play(chat_stream, streams(delta(" Once"), delta(" upon")))
    assert type(outcome.error) is StreamTruncatedError
    assert outcome.error.text == " Once upon"


def test_a_connection_that_breaks_after_the_finish_broke_nothing(play):
    outcome = play(chat_stream, streams(delta("hi", "stop"), breaks=True))
    assert outcome.error is None
    assert outcome.texts == ["hi"]


def test_a_connection_that_breaks_before_the_finish_is_an_error(play):
    outcome = play(chat_stream, streams(delta(" Once"), breaks=True))
    assert type(outcome.error) is APIConnectionError
    assert outcome.texts == [" Once"]


@pytest.mark.parametrize("call", [chat, text])
def test_a_page_instead_of_a_reply(play, call):
    outcome = play(call, lambda: httpx.Response(200, html="<h1>Welcome</h1>"))
    assert type(outcome.error) is InvalidResponseError


def test_leaving_a_stream_closes_the_connection():
    pieces = Pieces(delta(" Once"), delta(" upon"), delta("", "stop"))
    reply = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=pieces)
    with httpx.Client(transport=httpx.MockTransport(lambda _: reply)) as http:
        with chat_stream(Client("http://gateway.test", "key", http_client=http)) as events:
            assert next(events).text == " Once"
            assert not pieces.closed
        assert pieces.closed
