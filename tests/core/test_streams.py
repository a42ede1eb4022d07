"""The life of a stream's connection: closed when left early, given back when finished, its failures typed."""

from __future__ import annotations

import gc

import pytest

from core._api import EVERY
from core._server import (
    CLOSE,
    COMPLETION,
    END,
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
from llmengine_integrations.errors import (
    APIConnectionError,
    APITimeoutError,
    InvalidResponseError,
    NotFoundError,
    StreamTruncatedError,
)

pytestmark = pytest.mark.parametrize("kind", EVERY)
HEL = chunk(event(output("Hel")))
LAST = chunk(event(output("lo", finished=True)))


async def test_events_come_as_they_are_sent(api, server):
    gate = server.gate()
    server.then(STREAM, HEL, gate, LAST, END)
    async with api.stream() as events:
        assert (await anext(events)).output.text == "Hel"
        gate.open()
        assert [event.output.text async for event in events] == ["lo"]


async def test_entering_waits_for_the_first_event_only(api, server):
    server.then(STREAM, HEL, HANG)
    async with api.stream():
        pass
    assert await server.left()


async def test_leaving_early_closes_the_connection(api, server):
    server.then(STREAM, HEL, HANG).then(COMPLETION)
    async with api.stream() as events:
        async for _ in events:
            break
    assert await server.left()
    await api.create()
    assert server.connections == 2


async def test_an_error_of_the_caller_closes_the_connection_and_is_not_touched(api, server):
    server.then(STREAM, HEL, HANG)
    with pytest.raises(ZeroDivisionError):
        async with api.stream():
            _ = 1 / 0
    assert await server.left()


async def test_a_finished_stream_gives_its_connection_back(api, server):
    server.then(WHOLE_STREAM).then(WHOLE_STREAM).then(COMPLETION)
    assert await api.text() == "Hello"
    assert await api.text() == "Hello"
    await api.create()
    assert server.connections == 1


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_reading_no_further_than_some_event_leaves_nothing_behind(count, api, server):
    server.always(STREAM, HEL, HEL, LAST, HANG)
    async with api.stream() as events:
        for _ in range(count):
            await anext(events)
    assert await server.left()
    gc.collect()


async def test_a_reset_in_the_middle(api, server):
    gate = server.gate()
    server.then(STREAM, HEL, gate, RESET)
    async with api.stream() as events:
        assert (await anext(events)).output.text == "Hel"
        gate.open()
        with pytest.raises(APIConnectionError, match=r"^Connection reset by peer|^The connection ended") as caught:
            await anext(events)
    assert isinstance(caught.value, ConnectionError)


async def test_a_close_in_the_middle(api, server):
    server.then(STREAM, HEL, CLOSE)
    with pytest.raises(APIConnectionError, match="The connection ended before the reply was complete"):
        await api.read()


async def test_an_end_in_the_middle(api, server):
    server.then(STREAM, HEL, END)
    with pytest.raises(StreamTruncatedError) as caught:
        await api.read()
    assert caught.value.text == "Hel"


async def test_silence_in_the_middle(connect, server):
    server.always(STREAM, HEL, HANG)
    async with connect(timeout=0.2).stream() as events:
        assert (await anext(events)).output.text == "Hel"
        with pytest.raises(APITimeoutError, match="No reply in time"):
            await anext(events)
    assert await server.left()


@pytest.mark.parametrize("tail", [CLOSE, RESET], ids=["closed", "reset"])
async def test_a_broken_tail_after_the_last_event_is_no_error(tail, api, server):
    gate = server.gate()
    server.then(STREAM, HEL, LAST, gate, tail)
    got = []
    async with api.stream() as events:
        async for each in events:
            got.append(each.output.text)
            if each.output.finished:
                gate.open()
    assert got == ["Hel", "lo"]


async def test_an_error_status_is_raised_on_entering(api, server):
    server.then(reply(404, {"detail": "Model endpoint m not found."}))
    with pytest.raises(NotFoundError, match="Model endpoint m not found"):
        await api.stream().__aenter__()


async def test_after_an_error_status_the_connection_is_used_again(api, server):
    server.then(reply(404, {"detail": "no"})).then(WHOLE_STREAM)
    with pytest.raises(NotFoundError):
        await api.read()
    assert await api.text() == "Hello"
    assert server.connections == 1


@pytest.mark.parametrize("content_type", ["text/html", "application/json"])
async def test_what_is_no_stream_is_no_reply(content_type, api, server):
    server.then(reply(200, b"<html>Sign in</html>", content_type=content_type))
    with pytest.raises(InvalidResponseError, match=content_type) as caught:
        await api.read()
    assert caught.value.status_code == 200


@pytest.mark.parametrize("content_type", ["text/event-stream", "Text/Event-Stream; charset=UTF-8"])
async def test_a_stream_by_any_spelling(content_type, api, server):
    body = event(output("a", finished=True))
    server.then(reply(200, body, content_type=content_type))
    assert await api.text() == "a"


async def test_error_event_closes_the_connection(api, server):
    server.then(STREAM, chunk(event(failure("gone", 400))), HANG)
    with pytest.raises(Exception, match="gone"):
        await api.read()
    assert await server.left()


async def test_chunks_that_split_everything(api, server):
    body = b"".join(event(output(text)) for text in ("Grüße ", "😀\u2028")) + event(output("!", finished=True))
    server.then(STREAM, b"".join(chunk(body[i : i + 1]) for i in range(len(body))), END)
    assert await api.text() == "Grüße 😀\u2028!"


async def test_an_event_of_a_megabyte(api, server):
    server.then(stream(output("x" * 1_000_000, finished=True)))
    assert len(await api.text()) == 1_000_000
