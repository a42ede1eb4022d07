"""Tool calls out of a stream's pieces, and their arguments: whole and as the model wrote them, or not at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmengine_integrations.prompting.tool_calls import (
    StreamedCalls,
    identified,
    read_arguments,
    read_call,
    sendable_arguments,
    whole_calls,
)
from llmengine_integrations.wire.chat import ChatCompletionMessage, ChatDelta
from prompting.streams_of_calls import ANY, ARGUMENTS, STREAMS, call, tools

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4)


def read(deltas, finish_reason="tool_calls"):
    streamed = StreamedCalls()
    for delta in deltas:
        streamed.feed(ChatDelta.model_validate(delta))
    identified(streamed.calls)
    return [(one.id, one.name, read_call(one.name, one.arguments, finish_reason)[0]) for one in streamed.calls]


@pytest.mark.parametrize(("deltas", "expected"), STREAMS.values(), ids=STREAMS)
def test_how_servers_stream_calls(deltas, expected):
    found = read(deltas)
    assert [call[1:] for call in found] == [call[1:] for call in expected]
    for (call_id, *_), (wanted, *_) in zip(found, expected, strict=True):
        assert call_id.startswith("call_") if wanted == ANY else call_id == wanted


CALLS = st.lists(st.tuples(st.sampled_from(["f", "get_weather"]), OBJECTS), min_size=1, max_size=4)
STYLES = ["the index", "the id", "both in each delta", "neither"]


@settings(deadline=None, max_examples=80)
@given(CALLS, st.sampled_from(STYLES), st.data())
def test_calls_in_any_pieces(calls, style, data):
    """Told apart by what the server sends; interleaved where that is enough."""
    parts = []
    for number, (name, arguments) in enumerate(calls):
        text = json.dumps(arguments, ensure_ascii=data.draw(st.booleans()))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4))) if style != "neither" else []
        pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        index = number * 2 + 1 if style in {"the index", "both in each delta"} else 0 if style == "the id" else None
        again = {"the index": (None, None), "the id": (f"id{number}", None)}.get(style, (f"id{number}", name))
        first = (None, name) if style == "neither" else (f"id{number}", name)
        parts.append([tools(call(index, *(again if k else first), piece)) for k, piece in enumerate(pieces)])
    order = [number for number, part in enumerate(parts) for _ in part]
    if style != "neither":
        order = data.draw(st.permutations(order))
    deltas = [parts[number].pop(0) for number in order]
    found = sorted(json.dumps(call[1:]) for call in read(deltas))
    assert found == sorted(json.dumps(list(one)) for one in calls)


@pytest.mark.parametrize("written", ARGUMENTS, ids=lambda text: text[:20])
def test_arguments(written):
    expected = ARGUMENTS[written]
    found, problem = read_arguments(written, "stop")
    assert found == expected
    assert bool(problem) == (expected is None)


@pytest.mark.parametrize(
    ("written", "expected"), [(None, {}), ({"a": 1}, {"a": 1}), ([], None), (3, None), (True, None)]
)
def test_arguments_that_are_not_text(written, expected):
    assert read_arguments(written)[0] == expected


@settings(deadline=None, max_examples=60)
@given(OBJECTS, st.booleans(), st.sampled_from([None, 2]), st.booleans())
def test_arguments_that_end_too_early_are_not_read(arguments, ascii_only, indent, twice):
    text = json.dumps(arguments, ensure_ascii=ascii_only, indent=indent)
    text = json.dumps(text) if twice else text
    for end in range(len(text)):
        assert read_arguments(text[:end], "length")[0] is None, text[:end]
    assert read_arguments(text, "length") == (arguments, "")


@pytest.mark.parametrize("finish_reason", ["length", "content_filter", "abort", None, "stop", "tool_calls"])
def test_no_text_means_no_arguments_only_if_the_model_was_done(finish_reason):
    found, problem = read_arguments("", finish_reason)
    assert found == ({} if finish_reason in {"stop", "tool_calls"} else None)
    if finish_reason == "length":
        assert "cut off" in problem
        assert "max_new_tokens" in problem


def test_a_call_needs_a_name():
    assert read_call("", "{}") == (None, "The call has no name.")
    assert "JSON" in read_call("", "{")[1]


def test_whole_replies():
    message = {
        "tool_calls": [
            {"id": "a", "type": None, "function": {"name": "f", "arguments": {"x": 1}}},
            {"function": {"name": None, "arguments": None}},
        ],
        "function_call": {"name": "f", "arguments": "{}"},
    }
    found = whole_calls(ChatCompletionMessage.model_validate(message))
    assert [(one.id, one.name, one.arguments) for one in found] == [("a", "f", '{"x": 1}'), ("", "", "")]
    del message["tool_calls"]
    (legacy,) = whole_calls(ChatCompletionMessage.model_validate(message))
    assert (legacy.id, legacy.name, legacy.arguments) == ("", "f", "{}")


@pytest.mark.parametrize("written", ARGUMENTS, ids=lambda text: text[:20])
def test_what_goes_back_to_a_server_is_an_object(written):
    """vLLM answers 400 to a chat with anything else in it, and so to all that follows."""
    sent = sendable_arguments(written)
    assert json.loads(sent) == (ARGUMENTS[written] or {})
    if written.startswith('{"a": 1, '):
        assert sent == written
