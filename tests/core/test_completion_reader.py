"""How a completion stream is read: errors, empty events, and the ends that each framework gives it."""

from __future__ import annotations

import pytest

from core._api import text
from core._server import END, STREAM, chunk, event, failure, output, stream
from llmengine_integrations.core.streams.completion_events import CompletionEventReader
from llmengine_integrations.errors import InvalidResponseError, StreamError, StreamTruncatedError

EMPTY = {"request_id": "r-1", "output": None, "error": None}


async def test_texts_counts_and_tokens(api, server):
    token = {"token": " wörld", "log_prob": -0.5}
    first, last = output("Hello"), output(" wörld", finished=True, num_completion_tokens=2)
    server.then(stream(first, last | {"output": last["output"] | {"token": token}}))
    chunks = await api.read()
    assert [chunk.output.text for chunk in chunks] == ["Hello", " wörld"]
    assert [chunk.output.finished for chunk in chunks] == [False, True]
    assert chunks[1].output.num_prompt_tokens == 3
    assert chunks[1].output.num_completion_tokens == 2
    assert chunks[1].output.token.log_prob == -0.5
    assert chunks[0].request_id == "r-1"


async def test_events_that_say_nothing_are_skipped(api, server):
    server.then(stream(EMPTY, output("a"), EMPTY, EMPTY, output("b", finished=True), EMPTY))
    assert [chunk.output.text for chunk in await api.read()] == ["a", "b"]


async def test_pings_are_skipped(api, server):
    ping = chunk(b": ping - 2025-01-01 00:00:00\r\n\r\n")
    server.then(STREAM, ping, chunk(event(output("a"))), ping, chunk(event(output("b", finished=True))), ping, END)
    assert await api.text() == "ab"


async def test_an_error_event_is_raised_after_what_came_before_it(api, server):
    events = b"".join(event(data) for data in (output("a"), output("b"), failure("The model has gone")))
    server.then(STREAM, chunk(events), END)
    got = []
    with pytest.raises(StreamError, match="The model has gone") as caught:
        await api.read(into=got)
    assert text(got) == "ab"
    assert caught.value.text == "ab"
    assert caught.value.status_code == 500
    assert caught.value.request_id == "r-1"
    assert caught.value.body["content"]["timestamp"] == "2025-01-01 00:00:00 PST"
    assert "r-1" in str(caught.value)


async def test_an_error_as_first_event_is_raised_on_entering(api, server):
    server.then(stream(failure("No such thing", 400)))
    opened = api.stream()
    with pytest.raises(StreamError, match="No such thing") as caught:
        await opened.__aenter__()
    assert caught.value.status_code == 400


async def test_an_end_without_finished_is_no_end(api, server):
    server.then(stream(output("Hel"), output("lo")))
    with pytest.raises(StreamTruncatedError, match="after 2 events") as caught:
        await api.read()
    assert caught.value.text == "Hello"
    assert caught.value.request_id == "r-1"


@pytest.mark.parametrize("last", [b"data: ", b'data: {"output": {"te', event(output("lo", finished=True))[:-3]])
async def test_an_event_that_the_end_cuts_is_none(last, api, server):
    server.then(STREAM, chunk(event(output("Hel")) + last), END)
    with pytest.raises(StreamTruncatedError) as caught:
        await api.read()
    assert caught.value.text == "Hel"


async def test_tensorrt_llm_never_says_finished(api, server):
    server.then(stream(*(output(text, num_prompt_tokens=3) for text in ("Hel", "lo"))))
    assert await api.text() == "Hello"


async def test_deepspeed_repeats_the_whole_text_at_the_end(api, server):
    parts = [output(text, num_completion_tokens=None) for text in ("Hel", "lo")]
    server.then(stream(*parts, output("Hello you", finished=True, num_completion_tokens=9)))
    assert await api.text() == "Hello you"


async def test_deepspeed_with_a_single_event(api, server):
    server.then(stream(output("Hello", finished=True, num_completion_tokens=2)))
    assert await api.text() == "Hello"


async def test_deepspeed_with_one_event_before_the_last(api, server):
    server.then(stream(output("Hello", num_completion_tokens=None), output("Hello", finished=True)))
    assert [chunk.output.text for chunk in await api.read()] == ["Hello", ""]


async def test_a_last_event_that_happens_to_repeat_is_kept_elsewhere(api, server):
    server.then(stream(output("ha"), output("ha", finished=True)))
    assert await api.text() == "haha"


async def test_done_of_a_proxy_is_an_end(api, server):
    server.then(stream(output("Hello"), b"[DONE]"))
    assert await api.text() == "Hello"


async def test_a_stream_of_nothing_but_done(api, server):
    server.then(stream(b"[DONE]"))
    assert await api.read() == []


async def test_fields_of_a_newer_server_are_kept(api, server):
    last = output("a", finished=True)
    server.then(stream({**last, "new": 1, "output": {**last["output"], "newer": [2]}}))
    (only,) = await api.read()
    assert only.model_extra == {"new": 1}
    assert only.output.model_extra == {"newer": [2]}


@pytest.mark.parametrize(
    "garbage", [b"<html>", b"{", b"null", b"[]", b"1", b'{"output": {}}', b'{"output": 3}', b'{"error": {}}', b"\xff"]
)
async def test_garbage_is_no_reply(garbage, api, server):
    server.then(stream(output("a"), garbage, output("b", finished=True)))
    with pytest.raises(InvalidResponseError, match="not a valid") as caught:
        await api.read()
    assert caught.value.status_code == 200


def test_the_reader_knows_no_io():
    reader = CompletionEventReader()
    assert reader.feed(b'{"output": {"text": "a", "num_completion_tokens": 1}}').output.text == "a"
    assert not reader.finished
    with pytest.raises(StreamTruncatedError):
        reader.end()
    assert reader.feed(b"[DONE]") is None
    assert reader.finished
    reader.end()
