"""Whatever JSON, or whatever bytes, a server or a user sends: the typed result, or the typed error, and nothing else."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from llmengine_integrations import wire
from llmengine_integrations.core._operation import parse
from llmengine_integrations.core.streams import sse as _sse
from llmengine_integrations.core.streams.chat_events import ChatEventReader, TextReader
from llmengine_integrations.core.streams.completion_events import CompletionEventReader
from llmengine_integrations.core.streams.sse import MAX_EVENT, SSEDecoder
from llmengine_integrations.core.training.checks import check_training_file
from llmengine_integrations.core.transport.reply_bodies import MAX_BODY
from llmengine_integrations.core.transport.retry import MAX_RETRY_AFTER, retry_after
from llmengine_integrations.errors import InvalidResponseError, LLMEngineError, StreamError, TrainingDataError
from llmengine_integrations.wire._base import Reply

MODULES = [importlib.import_module(f"{wire.__name__}.{found.name}") for found in pkgutil.iter_modules(wire.__path__)]
REPLIES = sorted(
    {
        kind
        for module in MODULES
        for kind in vars(module).values()
        if inspect.isclass(kind)
        and issubclass(kind, Reply)
        and not inspect.isabstract(kind)
        and not getattr(kind, "__pydantic_generic_metadata__", {}).get("parameters")
    },
    key=lambda kind: f"{kind.__module__}.{kind.__name__}",
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
NAMES = st.sampled_from(sorted({name for kind in REPLIES for name in kind.model_fields}))
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6)
)
some = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def encoded(value: object) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def shaped(kind: type[BaseModel], inner: st.SearchStrategy) -> st.SearchStrategy:
    """Objects with the fields of a type, whatever their values are."""
    names = [field.alias or name for name, field in kind.model_fields.items()]
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, inner)) if names else inner


def look(value: object, depth: int = 0) -> None:
    """Read every public attribute of a reply, its properties included."""
    if depth > 4:
        return
    if isinstance(value, BaseModel):
        for name in dir(type(value)):
            if not name.startswith(("_", "model_")) and isinstance(getattr(type(value), name), property):
                look(getattr(value, name), depth + 1)
        for found in value.__dict__.values():
            look(found, depth + 1)
        repr(value)
    elif isinstance(value, list):
        for found in value:
            look(found, depth + 1)


@given(st.sampled_from(REPLIES), st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_json_is_a_reply_or_an_invalid_one(kind, data):
    content = encoded(data.draw(shaped(kind, JSON) | JSON))
    try:
        reply = parse(kind, content)
    except InvalidResponseError as error:
        str(error)
        return
    look(reply)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"1" * 5000,
        b"[" * 100_000,
        b'"\\ud800"',
        b"NaN",
        b'{"a":' * 100_000,
        b"\0",
    ],
)
def test_no_json_is_an_invalid_reply(content):
    for kind in REPLIES:
        with pytest.raises(InvalidResponseError):
            parse(kind, content)


@pytest.mark.parametrize("reader", [CompletionEventReader, ChatEventReader, TextReader])
@given(
    st.lists(JSON | st.fixed_dictionaries({}, optional={"output": JSON, "error": JSON, "choices": JSON}), max_size=4)
)
@some
def test_any_events_are_events_or_errors(reader, values):
    reading = reader()
    try:
        for value in values:
            look(reading.feed(encoded(value)))
        reading.end()
    except LLMEngineError as error:
        str(error)


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_fit_for_training_or_not(content):
    try:
        check_training_file(content)
    except TrainingDataError as error:
        str(error)


@given(
    st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,6} \d\d:\d\d:\d\d [+-]?\w{1,5}")
)
@settings(max_examples=300, deadline=None)
def test_any_retry_after_is_seconds_or_nothing(value):
    found = retry_after(value)
    assert found is None or min(found, MAX_RETRY_AFTER) >= 0


def test_an_error_event_in_any_shape_is_a_stream_error():
    for error in (
        1,
        "x",
        ["x"],
        {"status_code": "x"},
        {"content": 3},
        {"content": {"error": {"a": [1]}}},
        {"status_code": 1.5},
    ):
        with pytest.raises((StreamError, InvalidResponseError)):
            CompletionEventReader().feed(encoded({"error": error}))


def test_an_event_without_an_end_is_refused():
    decoder, block = SSEDecoder(), b"x" * (1024 * 1024)
    list(decoder.feed(b"data: "))
    for _ in range(MAX_EVENT // len(block) - 1):
        assert list(decoder.feed(block)) == []
    with pytest.raises(InvalidResponseError, match="longer than 64 MiB"):
        list(decoder.feed(block))


def test_pings_without_end_are_no_event(monkeypatch):
    monkeypatch.setattr(_sse, "MAX_EVENT", 1000)
    decoder = SSEDecoder()
    pings = b": ping\r\n\r\n" * 10
    for _ in range(20):
        assert list(decoder.feed(pings)) == []
    assert list(decoder.feed(b"data: a\n\n")) == [b"a"]


def test_the_limits_leave_room_for_what_is_real():
    assert MAX_BODY >= 64 * 1024 * 1024
    assert MAX_EVENT >= 16 * 1024 * 1024
