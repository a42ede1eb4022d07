"""Streams are read inside their block. Whoever reads elsewhere gets an error that says what to write, never an empty answer."""

from __future__ import annotations

import asyncio
import gc
import pickle
from operator import attrgetter

import pytest

from core._api import EVERY, Api
from core._server import COMPLETION, END, HANG, STREAM, WHOLE_STREAM, chunk, event, failure, output, reply, stream
from llmengine_integrations import AsyncClient
from llmengine_integrations.errors import APIConnectionError, LLMEngineError, StreamClosedError, StreamError

pytestmark = pytest.mark.parametrize("kind", EVERY)

MESSAGES = [{"role": "user", "content": "hi"}]
DELTA = {"index": 0, "delta": {"content": "Hel"}, "finish_reason": None}
CHAT = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [DELTA]}
TEXT = {"id": "x", "object": "text_completion", "created": 1, "model": "m", "choices": [{"index": 0, "text": "Hel", "finish_reason": None}]}  # fmt: skip # noqa: E501
HEL, LO = output("Hel"), output("lo", finished=True)
KINDS = {
    "completions": ("hi", HEL),
    "chat": (MESSAGES, CHAT),
    "text_completions": ("hi", TEXT),
}


def is_async(api: Api) -> bool:
    return isinstance(api.client, AsyncClient)


async def enter(opening):
    return await opening.__aenter__() if hasattr(opening, "__aenter__") else opening.__enter__()


async def leave(opening):
    if hasattr(opening, "__aexit__"):
        await opening.__aexit__(None, None, None)
    else:
        opening.__exit__(None, None, None)


async def read(events) -> list:
    """What an iterator brings, of either kind."""
    return [each async for each in events] if hasattr(events, "__anext__") else list(events)


async def step(events):
    return await anext(events) if hasattr(events, "__anext__") else next(events)


def again(events):
    return aiter(events) if hasattr(events, "__anext__") else iter(events)


@pytest.mark.parametrize("resource", KINDS)
async def test_a_stream_that_nobody_read_inside_is_not_silent_outside(resource, api, server):
    prompt, first = KINDS[resource]
    server.then(STREAM, chunk(event(first)), HANG)
    opening = attrgetter(resource)(api.client).stream("m", prompt)
    events = await enter(opening)
    await leave(opening)
    for _ in range(2):  # every time, not only at first
        with pytest.raises(StreamClosedError, match=r"Read it inside the block \(`(async )?with client") as caught:
            await read(events)
    assert isinstance(caught.value, LLMEngineError)
    assert ("async with" in str(caught.value)) == is_async(api)
    assert await server.left()


async def test_neither_is_the_rest_of_one_nor_any_iterator_over_it(api, server):
    server.then(STREAM, chunk(event(HEL) + event(HEL)), chunk(event(LO)), END)
    opening = api.client.completions.stream("m", "hi")
    events = await enter(opening)
    nested = again(again(events))
    assert (await step(events)).output.text == "Hel"
    await leave(opening)
    for each in (events, nested, again(events), again(nested)):
        with pytest.raises(StreamClosedError) as caught:
            await step(each)
        assert caught.value.text.startswith("Hel")
        with pytest.raises(StreamClosedError):
            await read(each)


async def test_one_that_was_read_to_its_end_is_just_exhausted(api, server):
    server.always(WHOLE_STREAM)
    opening = api.client.completions.stream("m", "hi")
    events = await enter(opening)
    assert [each.output.text for each in await read(events)] == ["Hel", "lo", ""]
    assert await read(events) == []
    await leave(opening)
    assert await read(events) == []
    assert await read(again(events)) == []


async def test_one_that_is_closed_early_is_not_silent(api, server):
    server.then(STREAM, chunk(event(HEL)), HANG)
    async with api.client.completions.stream("m", "hi") if is_async(api) else _Blocking(api) as events:
        await step(events)
        await events.aclose() if is_async(api) else events.close()
        with pytest.raises(StreamClosedError):
            await step(events)
    assert await server.left()


async def test_neither_is_one_that_has_failed(api, server):
    server.then(stream(HEL, failure("gone", 400)))
    opening = api.client.completions.stream("m", "hi")
    events = await enter(opening)
    assert (await step(events)).output.text == "Hel"
    with pytest.raises(StreamError, match="gone"):
        await step(events)
    with pytest.raises(StreamClosedError) as caught:
        await read(events)
    assert caught.value.text == "Hel"
    await leave(opening)
    with pytest.raises(StreamClosedError):
        await read(events)


async def test_neither_is_one_whose_connection_broke(api, server):
    server.then(STREAM, chunk(event(HEL)), END)
    opening = api.client.completions.stream("m", "hi")
    events = await enter(opening)
    with pytest.raises(LLMEngineError, match="before the completion was finished"):
        await read(events)
    with pytest.raises(StreamClosedError):
        await read(events)
    await leave(opening)


@pytest.mark.parametrize("resource", KINDS)
async def test_without_a_block_it_says_what_to_write(resource, api, server):
    opening = attrgetter(resource)(api.client).stream("m", KINDS[resource][0])
    expected = "`async with client" if is_async(api) else "`with client"
    for use in (list, iter, next, aiter, anext, asyncio.wait_for):
        with pytest.raises(StreamClosedError, match=expected):
            await use(opening, *([5] if use is asyncio.wait_for else []))
    with pytest.raises(StreamClosedError, match=expected):
        async for _ in opening:
            pass
    with pytest.raises(StreamClosedError, match=expected):
        await opening
    assert server.received == []


async def test_an_opening_is_for_one_block(api, server):
    server.always(WHOLE_STREAM)
    opening = api.client.completions.stream("m", "hi")
    await enter(opening)
    await leave(opening)
    with pytest.raises(StreamClosedError, match="only once"):
        await enter(opening)
    assert len(server.received) == 1


async def test_an_opening_that_failed_is_used_up_too(api, server):
    server.always(reply(404, {"detail": "no"}))
    opening = api.client.completions.stream("m", "hi")
    with pytest.raises(LLMEngineError, match="no"):
        await enter(opening)
    with pytest.raises(StreamClosedError):
        await enter(opening)


async def test_a_client_that_is_closed_before_its_stream(api, server):
    server.then(STREAM, chunk(event(HEL)), HANG).then(COMPLETION)
    opening = api.client.completions.stream("m", "hi")
    events = await enter(opening)
    await step(events)
    await api.close()
    with pytest.raises((APIConnectionError, StreamClosedError)):
        await read(events)
    with pytest.raises(StreamClosedError):
        await read(events)
    await leave(opening)


async def test_a_stream_that_is_left_keeps_nothing_alive(api, server):
    server.then(STREAM, chunk(event(HEL)), HANG)
    opening = api.client.completions.stream("m", "hi")
    await step(await enter(opening))
    del opening
    gc.collect()
    if not is_async(api):
        assert await server.left()


def test_the_error_keeps_its_text_in_a_pickle(kind):
    error = pickle.loads(pickle.dumps(StreamClosedError("m", text="so far")))  # noqa: S301 - our own bytes
    assert (str(error), error.text, isinstance(error, RuntimeError)) == ("m", "so far", True)


class _Blocking:
    """`with`, for a test that writes `async with`."""

    def __init__(self, api: Api) -> None:
        self._opening = api.client.completions.stream("m", "hi")

    async def __aenter__(self):
        return self._opening.__enter__()

    async def __aexit__(self, *error):
        return self._opening.__exit__(*error)
