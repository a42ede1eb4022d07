"""Streamed completions under upstream's names: sections 8, 9 and 12 to 16 of what its own client fails at."""

from __future__ import annotations

import asyncio
import gc
import threading
import time

import pytest

from core._server import CLOSE, END, HANG, STREAM, chunk, event, failure, output, stream
from llmengine_integrations.compat import Completion, _call, data_types, errors
from llmengine_integrations.errors import APIConnectionError, APITimeoutError, StreamError, StreamTruncatedError
from llmengine_integrations.wire.completions import CompletionChunk

DONE = output("lo", finished=True)


async def opened(call, **options):
    return await call(Completion.create, "m", "hi", stream=True, **options)


async def texts(call, **options):
    return [response.output.text async for response in call.each(await opened(call, **options))]


async def until_it_fails(call, kind):
    """The events before an exception of this kind, and the exception."""
    responses = []
    try:
        async for response in call.each(await opened(call)):
            responses.append(response)  # noqa: PERF401 - what came before the failure counts
    except kind as error:
        return responses, error
    pytest.fail("The stream ended in order.")


async def test_events_have_upstreams_type(call, gateway):
    gateway.answers("047-stream-ok-logprobs-unicode")
    responses = [one async for one in call.each(await opened(call, return_token_log_probs=True))]
    assert {type(one) for one in responses} == {data_types.CompletionStreamResponse}
    assert responses[-1].output.finished
    assert responses[0].output.token.log_prob <= 0
    assert responses[0].output.json().startswith('{"text": ')
    assert gateway.sent.json["return_token_log_probs"] is True


@pytest.mark.parametrize("data", [b"[DONE]", b'{"request_id": null, "output": null, "error": null}'])
async def test_8_events_that_are_no_output_are_skipped(call, gateway, data):
    gateway.then(stream(output("Hel"), data, DONE, b"[DONE]"))
    assert await texts(call) == ["Hel", "lo"]


async def test_8_data_keeps_its_letters(call, gateway):
    gateway.then(STREAM, chunk(b": data: no\r\ndata:" + event(DONE)[5:]), END)
    assert await texts(call) == ["lo"]


async def test_9_a_line_may_be_long(call, gateway):
    gateway.then(stream(output("x" * 3_000_000), DONE))
    assert [len(text) for text in await texts(call)] == [3_000_000, 2]


async def test_12_an_error_within_comes_once_and_then_is_raised(call, gateway):
    gateway.answers("053-stream-midstream-upstream-error")
    responses, error = await until_it_fails(call, StreamError)
    assert [bool(response.output) for response in responses] == [True, True, True, False]
    assert responses[-1].error.status_code == error.status_code == 500
    assert responses[-1].error.content.error == error.message
    assert responses[-1].request_id == error.request_id
    assert error.text == " Once upon a"


async def test_12_an_error_at_once_comes_the_same_way(call, gateway):
    gateway.then(stream(failure("No.", 400)))
    responses, error = await until_it_fails(call, StreamError)
    assert (error.status_code, error.message) == (400, "No.")
    assert [(response.output, response.error.content.error) for response in responses] == [(None, "No.")]
    assert len(gateway.received) == 1


@pytest.mark.usefixtures("naps")
async def test_12_an_error_at_once_that_may_pass_is_tried_again(call, gateway):
    gateway.then(stream(failure("Upstream service error for request_id x"))).then(stream(DONE))
    assert await texts(call) == ["lo"]


@pytest.mark.parametrize("end", [END, CLOSE])
async def test_12_a_stream_that_ends_too_early_raises(call, gateway, end):
    gateway.then(STREAM, chunk(event(output("Hel"))), end)
    responses, _ = await until_it_fails(call, (StreamTruncatedError, APIConnectionError))
    assert [response.output.text for response in responses] == ["Hel"]


@pytest.mark.parametrize("name", ["059-stream-404-model", "062-stream-400-sync-endpoint", "060-stream-422"])
async def test_13_an_error_before_is_raised_by_the_call(call, gateway, name):
    gateway.answers(name)
    kinds = {"059": errors.NotFoundError, "062": errors.BadRequestError, "060": errors.ValidationError}
    with pytest.raises(kinds[name[:3]]):
        await opened(call)


async def test_15_a_stream_outlives_its_timeout_as_long_as_something_comes(call, gateway):
    gates = [gateway.gate() for _ in range(6)]
    gateway.then(
        STREAM, *(step for gate in gates for step in (gate, chunk(event(output("x"))))), chunk(event(DONE)), END
    )

    def drip():
        for gate in gates:
            time.sleep(0.15)
            gate.open()

    thread = threading.Thread(target=drip)
    thread.start()
    started = time.monotonic()
    assert len(await texts(call, timeout=0.6)) == 7
    assert time.monotonic() - started > 0.6
    thread.join()


async def test_15_a_stream_that_falls_silent_times_out(call, gateway):
    gateway.then(STREAM, chunk(event(output("x"))), HANG)
    with pytest.raises(APITimeoutError):
        await texts(call, timeout=0.2)


@pytest.fixture
def endless(gateway):
    gateway.then(STREAM, chunk(event(output("Hel"))), HANG)
    return gateway


async def test_16_dropping_a_stream_within_hangs_up(call, endless):
    async for response in call.each(await opened(call)):
        assert response.output.text == "Hel"
        break
    del response
    gc.collect()
    assert await endless.left()


async def test_16_dropping_a_stream_that_nobody_read_hangs_up(call, endless):
    await opened(call)
    gc.collect()
    assert await endless.left()


async def test_16_closing_a_stream_hangs_up(call, endless):
    responses = await opened(call)
    if call.awaited:
        assert (await anext(responses)).output.text == "Hel"
        await responses.aclose()
    else:
        assert next(responses).output.text == "Hel"
        responses.close()
    assert await endless.left()


async def test_16_leaving_at_an_error_hangs_up(call, gateway):
    gateway.then(STREAM, chunk(event(output("Hel"))), chunk(event(failure("No."))), HANG)
    async for response in call.each(await opened(call)):
        if response.error:
            break
    del response
    gc.collect()
    assert await gateway.left()


def test_16_leaving_the_event_loop_hangs_up(endless):
    async def main():
        async for response in await Completion.acreate("m", "hi", stream=True):
            assert response.output.text == "Hel"
            return

    asyncio.run(main())
    assert asyncio.run(endless.left())


async def test_14_a_stream_read_to_its_end_leaves_its_connection_for_the_next(call, gateway):
    gateway.always(stream(output("Hel"), DONE))
    for _ in range(3):
        assert await texts(call) == ["Hel", "lo"]
    assert gateway.connections == 1


async def test_headers_go_with_a_stream(call, gateway):
    gateway.then(stream(DONE))
    assert await texts(call, request_headers={"X-Trace": "1"}) == ["lo"]
    assert gateway.sent.headers["x-trace"] == "1"


class Held:
    """A stream, and the transport that opens it; remembers whether it was closed, whoever still has it."""

    def __init__(self):
        self.closed = False

    def stream(self, _):
        return self

    def __enter__(self):
        return iter([CompletionChunk.model_validate(DONE)])

    def __exit__(self, *_):
        self.closed = True

    async def __aenter__(self):
        return self._each()

    async def __aexit__(self, *_):
        self.closed = True

    async def _each(self):
        yield CompletionChunk.model_validate(DONE)


@pytest.mark.parametrize("end", ["read", "closed"])
async def test_16_a_stream_closes_without_the_garbage_collector(call, monkeypatch, end):
    held = Held()
    for name in ("blocking", "awaited"):
        monkeypatch.setattr(_call, name, lambda _: held)
    responses = await opened(call)
    assert not held.closed
    if end == "read":
        assert [one.output.text async for one in call.each(responses)] == ["lo"]
    elif call.awaited:
        await anext(responses)
        await responses.aclose()
    else:
        next(responses)
        responses.close()
    assert held.closed
