"""The reader of OpenAI-style streams, on the bytes that the gateway sends."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmengine_integrations.core.errors import InvalidResponseError, StreamError, StreamTruncatedError
from llmengine_integrations.core.streams.chat_events import ChatEventReader, TextReader
from llmengine_integrations.core.streams.sse import SSEDecoder
from llmengine_integrations.wire._openai import Usage


def chunk(choices: str, more: str = "") -> bytes:
    """An event as the gateway writes it, byte for byte but for the envelope's values."""
    return (
        f'data: {{"id":"chatcmpl-978756a2","choices":[{choices}],"created":1795250347,"model":"llama-2-7b",'
        f'"object":"chat.completion.chunk"{more}}}\r\n\r\n'
    ).encode()


def text_chunk(choices: str, more: str = "") -> bytes:
    return (
        f'data: {{"id":"cmpl-8c0db4ff","choices":[{choices}],"created":1795250349,"model":"llama-2-7b",'
        f'"object":"text_completion"{more}}}\r\n\r\n'
    ).encode()


ROLE = chunk('{"delta":{"content":"","role":"assistant"},"index":0}')
ONCE = chunk('{"delta":{"content":" Once"},"index":0}')
UPON = chunk('{"delta":{"content":" upon"},"index":0}')
COMMA = chunk('{"delta":{"content":","},"finish_reason":"length","index":0}')
USAGE = chunk("", ',"usage":{"completion_tokens":5,"prompt_tokens":1,"total_tokens":6}')
PING = b": ping - 2026-11-21 00:39:08.123456+00:00\r\n\r\n"
DONE = b"data: [DONE]\r\n\r\n"
ERROR = (
    b'data: {"error":{"status_code":500,"content":{"error":"Upstream service error for request_id '
    b'76935ece-30c7-4fea-b444-3dfe8d65d911","timestamp":"2026-11-21 00:39:07 PST"}}}\r\n\r\n'
)
CRASH = (
    b'data: {"error":{"status_code":500,"content":{"error":"Internal error occurred. Our team has been notified.",'
    b'"timestamp":"2026-11-21 00:39:08 PST"}}}\r\n\r\n'
)


def feed(reader, *events):
    """What a reader makes of the stream's bytes, until it raises."""
    decoder = SSEDecoder()
    data = [data for event in events for data in decoder.feed(event)]
    return [event for event in map(reader.feed, data) if event is not None]


def test_a_stream_of_text():
    reader = ChatEventReader()
    events = feed(reader, ROLE, PING, ONCE, UPON, COMMA)
    assert [event.text for event in events] == ["", " Once", " upon", ","]
    assert [event.choices[0].finish_reason for event in events] == [None, None, None, "length"]
    assert [event.choices[0].delta.role for event in events] == ["assistant", None, None, None]
    assert {(event.id, event.model, event.created) for event in events} == {
        ("chatcmpl-978756a2", "llama-2-7b", 1795250347)
    }
    reader.end()


def test_it_is_finished_with_its_last_text():
    reader = ChatEventReader()
    states = [reader.finished]
    for event in (ROLE, ONCE, COMMA, USAGE):
        feed(reader, event)
        states.append(reader.finished)
    assert states == [False, False, False, True, True]


def test_the_usage_comes_in_a_chunk_without_choices():
    reader = ChatEventReader()
    *_, last = feed(reader, ROLE, COMMA, USAGE)
    assert last.choices == []
    assert last.text == ""
    assert last.usage == Usage(completion_tokens=5, prompt_tokens=1, total_tokens=6)
    reader.end()


def test_usage_alone_finishes_nothing():
    reader = ChatEventReader()
    feed(reader, USAGE)
    with pytest.raises(StreamTruncatedError):
        reader.end()


def test_a_tool_call_comes_in_pieces():
    reader = ChatEventReader()
    events = feed(
        reader,
        ROLE,
        chunk(
            '{"delta":{"tool_calls":[{"index":0,"id":"chatcmpl-tool-0001","type":"function",'
            '"function":{"name":"get_weather","arguments":""}}]},"index":0}'
        ),
        chunk('{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"city\\": "}}]},"index":0}'),
        chunk('{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\\"Tokyo\\"}"}}]},"index":0}'),
        chunk('{"delta":{},"finish_reason":"tool_calls","index":0}'),
    )
    calls = [call for event in events for call in event.choices[0].delta.tool_calls or []]
    assert [(call.index, call.id, call.type, call.function.name) for call in calls] == [
        (0, "chatcmpl-tool-0001", "function", "get_weather"),
        (0, None, None, None),
        (0, None, None, None),
    ]
    assert json.loads("".join(call.function.arguments for call in calls)) == {"city": "Tokyo"}
    assert events[-1].choices[0].finish_reason == "tool_calls"
    assert "".join(event.text for event in events) == ""
    reader.end()


def test_thoughts_are_no_text():
    events = feed(ChatEventReader(), chunk('{"delta":{"reasoning_content":"Let me"},"index":0}'), COMMA)
    assert [event.choices[0].delta.reasoning_content for event in events] == ["Let me", None]
    assert [event.text for event in events] == ["", ","]


def test_an_error_event_raises_with_what_came_before():
    reader = ChatEventReader()
    with pytest.raises(StreamError) as caught:
        feed(reader, ROLE, ONCE, UPON, ERROR)
    error = caught.value
    assert error.message == "Upstream service error for request_id 76935ece-30c7-4fea-b444-3dfe8d65d911"
    assert error.status_code == 500
    assert error.request_id == "76935ece-30c7-4fea-b444-3dfe8d65d911"
    assert error.text == " Once upon"
    assert error.body == {
        "status_code": 500,
        "content": {"error": error.message, "timestamp": "2026-11-21 00:39:07 PST"},
    }
    assert error.__context__ is None


def test_an_error_event_may_name_no_request():
    with pytest.raises(StreamError) as caught:
        feed(ChatEventReader(), ROLE, CRASH)
    assert caught.value.message == "Internal error occurred. Our team has been notified."
    assert caught.value.request_id is None


def test_an_end_before_the_finish_is_a_truncation():
    reader = ChatEventReader()
    feed(reader, ROLE, ONCE, UPON)
    with pytest.raises(StreamTruncatedError) as caught:
        reader.end()
    assert caught.value.text == " Once upon"
    assert "after 3 events" in caught.value.message


def test_a_stream_of_nothing_is_a_truncation():
    with pytest.raises(StreamTruncatedError):
        ChatEventReader().end()


def test_every_choice_has_to_finish():
    second = chunk('{"delta":{"content":" Twice"},"index":1}')
    reader = ChatEventReader()
    events = feed(reader, ROLE, chunk('{"delta":{"content":"","role":"assistant"},"index":1}'), ONCE, second, COMMA)
    assert [event.text for event in events] == ["", "", " Once", "", ","]
    assert not reader.finished
    with pytest.raises(StreamTruncatedError) as caught:
        reader.end()
    assert caught.value.text == " Once,"
    feed(reader, chunk('{"delta":{},"finish_reason":"stop","index":1}'))
    assert reader.finished
    reader.end()


def test_a_chunk_may_carry_several_choices():
    both = '{"delta":{"content":"a"},"index":1},{"delta":{"content":"b"},"index":0,"finish_reason":"stop"}'
    reader = ChatEventReader()
    [event] = feed(reader, chunk(both))
    assert event.text == "b"
    assert not reader.finished


def test_a_proxy_may_say_done():
    reader = ChatEventReader()
    assert len(feed(reader, ROLE, ONCE, DONE)) == 2
    assert reader.finished
    reader.end()


@pytest.mark.parametrize("data", [b'{"id":"chatcmpl-1"}', b'{"error":null}', b"Bad Gateway", b"[]"])
def test_what_is_no_event_is_an_invalid_response(data):
    with pytest.raises(InvalidResponseError, match="not a valid ChatCompletionChunk") as caught:
        ChatEventReader().feed(data)
    assert caught.value.body == data.decode()


def test_what_a_newer_server_adds_is_kept():
    new = chunk(
        '{"delta":{"content":"a","role":"narrator","mood":"calm"},"finish_reason":"boredom","index":0,"x":1}',
        ',"y":[2],"service_tier":"gold"',
    )
    reader = ChatEventReader()
    [event] = feed(reader, new)
    choice = event.choices[0]
    assert (choice.delta.role, choice.finish_reason, event.service_tier) == ("narrator", "boredom", "gold")
    assert (choice.delta.model_extra, choice.model_extra, event.model_extra) == ({"mood": "calm"}, {"x": 1}, {"y": [2]})
    reader.end()


def test_explicit_nulls_are_nothing():
    nulls = chunk(
        '{"delta":{"content":null,"role":null,"tool_calls":null,"function_call":null,"refusal":null,'
        '"reasoning_content":null},"finish_reason":null,"logprobs":null,"index":0}',
        ',"usage":null,"service_tier":null,"system_fingerprint":null',
    )
    reader = ChatEventReader()
    [event] = feed(reader, nulls)
    assert event.text == ""
    assert not reader.finished


@given(st.lists(st.integers(1, 400), max_size=6))
def test_chunking_changes_nothing(cuts):
    whole = ROLE + PING + ONCE + UPON + COMMA + USAGE
    places = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    pieces = [whole[a:b] for a, b in pairwise(places)]
    reader = ChatEventReader()
    assert feed(reader, *pieces) == feed(ChatEventReader(), whole)
    reader.end()


def test_a_stream_of_text_completions():
    reader = TextReader()
    events = feed(
        reader,
        text_chunk('{"index":0,"logprobs":null,"text":" a time"}'),
        text_chunk('{"finish_reason":"length","index":0,"text":","}'),
        text_chunk("", ',"usage":{"completion_tokens":2,"prompt_tokens":1,"total_tokens":3}'),
    )
    assert [event.text for event in events] == [" a time", ",", ""]
    assert events[-1].usage == Usage(completion_tokens=2, prompt_tokens=1, total_tokens=3)
    reader.end()


def test_a_truncated_or_failing_stream_of_text_completions():
    reader = TextReader()
    feed(reader, text_chunk('{"index":0,"text":" a time"}'))
    with pytest.raises(StreamTruncatedError) as truncated:
        reader.end()
    with pytest.raises(StreamError) as failed:
        feed(reader, ERROR)
    assert (truncated.value.text, failed.value.text) == (" a time", " a time")


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b'{"error":"what?"}', None, "what?"),
        (b'{"error":{"message":"too long","code":400}}', None, "too long"),
        (b'{"error":{"status_code":400,"content":"plain"}}', 400, "plain"),
        (b'{"error":{"status_code":null,"content":null}}', None, "no explanation"),
    ],
)
def test_an_error_in_another_shape_is_an_error_too(data, status, said):
    """Proxies in front of the gateway have shapes of their own."""
    reader = ChatEventReader()
    feed(reader, ROLE, ONCE)
    with pytest.raises(StreamError, match=said) as caught:
        reader.feed(data)
    assert caught.value.status_code == status
    assert caught.value.text
