"""What is tried again, how often, and how long after."""

from __future__ import annotations

import pytest

from core._api import EVERY, text
from core._server import (
    CLOSE,
    COMPLETION,
    HANG,
    RESET,
    STREAM,
    WHOLE_STREAM,
    chunk,
    event,
    failure,
    output,
    reply,
    stream,
)
from llmengine_integrations.core._operation import Operation, Request
from llmengine_integrations.core.transport.retry import MAX_RETRY_AFTER
from llmengine_integrations.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    RateLimitError,
    StreamError,
    StreamTruncatedError,
)
from llmengine_integrations.wire.completions import Completion

UPSTREAM = {"detail": "Upstream service error for request_id 6d0b"}
RETRIED = {
    "408": (reply(408, {"detail": "slow"}),),
    "429": (reply(429, {"error": "Too many requests"}),),
    "502": (reply(502, b"<html>Bad gateway</html>"),),
    "503": (reply(503, {"detail": "Message broker temporarily unavailable."}),),
    "504": (reply(504),),
    "500 upstream": (reply(500, UPSTREAM),),
    "reset": (RESET,),
    "closed": (CLOSE,),
    "cut off": (reply(200, b"data: {}", content_type="text/event-stream", content_length="100"), CLOSE),
}
FINAL = {
    **{str(status): reply(status, {"detail": "no"}) for status in (400, 401, 403, 404, 409, 410, 422, 501, 505)},
    "500 unhandled": reply(500, {"error": "Internal error occurred. Our team has been notified.", "request_id": "r"}),
    "500 other": reply(500, {"detail": "Failed to infer hardware exception."}),
}


async def run(api, *, repeatable):
    """A request of our own: no resource of the core's smallest set creates anything."""
    request = Request(method="PUT", path="/v1/things", json={}, repeatable=repeatable)
    await api.run(Operation(request, Completion))


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("first", RETRIED.values(), ids=RETRIED)
async def test_tries_inference_again_after(first, api, server, naps):
    server.then(*first).then(COMPLETION)
    assert (await api.create()).output.text == "Hello"
    assert len(server.received) == 2
    assert len(naps) == 1
    assert server.received[0].body == server.received[1].body


@pytest.mark.parametrize("first", RETRIED.values(), ids=RETRIED)
async def test_tries_a_stream_again_after(first, api, server, naps):
    server.then(*first).then(WHOLE_STREAM)
    assert await api.text() == "Hello"
    assert len(naps) == 1


@pytest.mark.parametrize("first", RETRIED.values(), ids=RETRIED)
async def test_never_sends_again_what_creates_something(first, api, server, naps):
    server.then(*first)
    with pytest.raises((APIStatusError, APIConnectionError)):
        await run(api, repeatable=False)
    assert len(server.received) == 1
    assert naps == []


@pytest.mark.parametrize("first", FINAL.values(), ids=FINAL)
async def test_does_not_try_again_after(first, api, server, naps):
    server.then(first)
    with pytest.raises(APIStatusError):
        await api.create()
    assert len(server.received) == 1
    assert naps == []


@pytest.mark.parametrize("repeatable", [True, False])
async def test_tries_again_whatever_never_left(repeatable, connect, refusing_url, naps):
    with pytest.raises(APIConnectionError, match="onnection refused") as caught:
        await run(connect(refusing_url), repeatable=repeatable)
    assert not caught.value.sent
    assert len(naps) == 2


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("max_retries", [0, 1, 4])
async def test_max_retries_counts_the_tries_after_the_first(max_retries, method, connect, server, naps):
    server.always(CLOSE)
    api = connect(max_retries=max_retries)
    with pytest.raises(APIConnectionError):
        await api.run(Operation(Request(method=method, path="/v1/things"), Completion))
    assert len(server.received) == 1 + max_retries
    assert len(naps) == max_retries


async def test_raises_the_last_failure(api, server, naps):
    server.then(reply(503)).then(RESET).then(reply(429, {"error": "Too many requests"}))
    with pytest.raises(RateLimitError, match="Too many requests"):
        await api.create()


async def test_stops_at_the_first_failure_that_is_final(api, server, naps):
    server.then(reply(503)).then(reply(400, {"detail": "no"}))
    with pytest.raises(APIStatusError, match="no"):
        await api.create()
    assert len(server.received) == 2


async def test_a_silent_server_is_tried_again(connect, server, naps):
    server.then(HANG).always(COMPLETION)
    assert (await connect(timeout=0.2).create()).output.text == "Hello"


async def test_no_reply_in_time(connect, server, naps):
    server.always(HANG)
    with pytest.raises(APITimeoutError, match="No reply in time") as caught:
        await connect(max_retries=1).create(timeout=0.2)
    assert caught.value.sent
    assert isinstance(caught.value, TimeoutError)
    assert await server.arrivals(2)
    assert len(server.received) == 2


class TestRetryAfter:
    async def test_is_waited_for(self, api, server, naps):
        server.then(reply(429, retry_after="7")).then(COMPLETION)
        await api.create()
        assert naps == [7.0]

    @pytest.mark.parametrize("asked", ["61", "86400", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
    async def test_has_a_limit(self, asked, api, server, naps):
        server.then(reply(503, retry_after=asked)).then(COMPLETION)
        await api.create()
        assert naps == [MAX_RETRY_AFTER]

    @pytest.mark.parametrize("asked", ["Sat, 01 Jan 2000 00:00:00 GMT", "0"])
    async def test_in_the_past_is_now(self, asked, api, server, naps):
        server.then(reply(503, retry_after=asked)).then(COMPLETION)
        await api.create()
        assert naps in ([], [0.0])

    @pytest.mark.parametrize("asked", ["soon", "-3", "1.5.2", "nan", "inf", "²"])
    async def test_that_makes_no_sense_is_ignored(self, asked, api, server, naps):
        server.then(reply(503, retry_after=asked)).then(COMPLETION)
        await api.create()
        assert 0 <= naps[0] <= 0.5


class TestStreams:
    async def test_open_again_after_an_error_as_first_event(self, api, server, naps):
        server.then(stream(failure("Upstream service error"))).then(WHOLE_STREAM)
        assert await api.text() == "Hello"

    async def test_open_again_when_cut_before_the_first_event(self, api, server, naps):
        server.then(STREAM, chunk(b": ping\r\n\r\n"), chunk(b'data: {"outp'), RESET).then(stream()).then(WHOLE_STREAM)
        assert await api.text() == "Hello"

    async def test_do_not_open_again_after_a_final_error(self, api, server, naps):
        server.then(stream(failure("Temperature makes no sense", 400)))
        with pytest.raises(StreamError, match="Temperature"):
            await api.read()
        assert len(server.received) == 1

    @pytest.mark.parametrize(
        ("tail", "error"),
        [
            ((CLOSE,), APIConnectionError),
            ((chunk(event(failure("Upstream service error"))),), StreamError),
            ((chunk(b""),), StreamTruncatedError),
        ],
        ids=["cut", "error event", "end"],
    )
    async def test_do_not_open_again_after_the_first_event(self, tail, error, api, server, naps):
        server.then(STREAM, chunk(event(output("Hel"))), *tail)
        got = []
        with pytest.raises(error):
            await api.read(into=got)
        assert text(got) == "Hel"
        assert len(server.received) == 1
        assert naps == []

    async def test_say_what_failed_last(self, api, server, naps):
        server.always(stream())
        with pytest.raises(StreamTruncatedError, match="after 0 events"):
            await api.read()
        assert len(server.received) == 3
