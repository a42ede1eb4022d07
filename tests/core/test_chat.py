"""What `client.chat` sends, and what it makes of replies."""

from __future__ import annotations

import json

import pytest

from llmengine_integrations.core._operation import Operation, Request, StreamOperation
from llmengine_integrations.core.errors import InvalidArgumentError, InvalidResponseError
from llmengine_integrations.core.resources.chat import Chat
from llmengine_integrations.core.streams.chat_events import ChatEventReader
from llmengine_integrations.wire.chat import ChatCompletion, ChatCompletionMessage, ChatOptions

HELLO = [{"role": "user", "content": "hello"}]
create, stream = Chat.create.build, Chat.stream.build


def request(**body):
    return Request(method="POST", path="/v2/chat/completions", json={"model": "m", "messages": HELLO, **body})


def reply(**choice):
    """A reply as the gateway writes it, nulls included."""
    message = {
        "content": " Once upon a time,",
        "refusal": None,
        "tool_calls": None,
        "annotations": None,
        "role": "assistant",
        "function_call": None,
        "audio": None,
        "reasoning_content": None,
    } | choice.pop("message", {})
    return {
        "id": "chatcmpl-df47d9d4",
        "choices": [{"finish_reason": "length", "index": 0, "message": message, "logprobs": None} | choice],
        "created": 1795250347,
        "model": "llama-2-7b",
        "service_tier": None,
        "system_fingerprint": None,
        "object": "chat.completion",
        "usage": {
            "completion_tokens": 5,
            "prompt_tokens": 1,
            "total_tokens": 6,
            "completion_tokens_details": None,
            "prompt_tokens_details": None,
        },
    }


def parse(body):
    return create(None, "m", HELLO).parse(json.dumps(body).encode())


def test_nothing_is_sent_that_was_not_asked_for():
    assert create(None, "m", HELLO) == Operation(request(), ChatCompletion)
    assert stream(None, "m", HELLO) == StreamOperation(request(stream=True), ChatEventReader)


def test_options_are_sent_as_they_are():
    options = {
        "temperature": 0,
        "max_tokens": 5,
        "stop": ["x", "y"],
        "logprobs": False,
        "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}],
        "tool_choice": "required",
        "response_format": {"type": "json_object"},
        "chat_template_kwargs": {"enable_thinking": False},
        "guided_choice": ["a", "b"],
    }
    assert create(None, "m", HELLO, **options).request == request(**options)
    assert stream(None, "m", HELLO, **options).request == request(stream=True, **options)


@pytest.mark.parametrize("build", [create, stream])
def test_none_is_not_given(build):
    options = dict.fromkeys(ChatOptions.__annotations__)
    assert build(None, "m", HELLO, timeout=None, **options) == build(None, "m", HELLO)


@pytest.mark.parametrize("build", [create, stream])
def test_the_timeout_is_not_sent(build):
    built = build(None, "m", HELLO, timeout=3.5).request
    assert built.timeout == 3.5
    assert "timeout" not in built.json


@pytest.mark.parametrize("build", [create, stream])
def test_an_inference_may_be_sent_again(build):
    assert build(None, "m", HELLO).request.repeatable


def test_stream_options_belong_to_streams():
    usage = {"include_usage": True}
    assert stream(None, "m", HELLO, stream_options=usage).request == request(stream=True, stream_options=usage)
    with pytest.raises(TypeError, match="stream_options"):
        create(None, "m", HELLO, stream_options=usage)


@pytest.mark.parametrize("build", [create, stream])
@pytest.mark.parametrize("value", [True, False])
def test_stream_is_a_method_and_no_option(build, value):
    with pytest.raises(TypeError, match=r"'stream': stream\(\.\.\.\) is a method of its own"):
        build(None, "m", HELLO, stream=value)


@pytest.mark.parametrize("build", [create, stream])
def test_a_misspelt_option_is_refused(build):
    with pytest.raises(TypeError, match="'temprature'; did you mean 'temperature'"):
        build(None, "m", HELLO, temprature=1)


@pytest.mark.parametrize("build", [create, stream])
def test_an_empty_model_is_refused(build):
    with pytest.raises(InvalidArgumentError, match="empty"):
        build(None, "", HELLO)


def test_messages_are_sent_as_they_are():
    messages = (
        {"role": "system", "content": "be nice"},
        {"role": "user", "content": [{"type": "text", "text": "hi"}], "name": None, "new": 1},
        {"role": "assistant", "content": None, "tool_calls": [], "reasoning_content": "r"},
    )
    assert create(None, "m", messages).request.json == {"model": "m", "messages": list(messages)}


def test_the_message_of_a_reply_goes_back_without_its_nulls():
    call = {"id": "t1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Tokyo"}'}}
    message = parse(reply(message={"content": None, "tool_calls": [call], "mood": "calm"})).choices[0].message
    answer = {"role": "tool", "tool_call_id": "t1", "content": "sunny"}
    sent = {"role": "assistant", "tool_calls": [call], "mood": "calm"}
    assert create(None, "m", [*HELLO, message, answer]).request.json == {
        "model": "m",
        "messages": [*HELLO, sent, answer],
    }


def test_a_reply():
    completion = parse(reply(message={"reasoning_content": "Let me think about it."}))
    assert completion.text == " Once upon a time,"
    assert completion.choices[0].message == ChatCompletionMessage.model_validate(
        reply()["choices"][0]["message"] | {"reasoning_content": "Let me think about it."}
    )
    assert completion.choices[0].finish_reason == "length"
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens, completion.usage.total_tokens) == (
        1,
        5,
        6,
    )


def test_a_reply_with_tool_calls_has_no_text():
    call = {"id": "t1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Tokyo"}'}}
    completion = parse(reply(finish_reason="tool_calls", message={"content": None, "tool_calls": [call]}))
    [got] = completion.choices[0].message.tool_calls
    assert (got.id, got.function.name, json.loads(got.function.arguments)) == ("t1", "get_weather", {"city": "Tokyo"})
    assert completion.text == ""


def test_a_reply_with_log_probabilities():
    token = {"token": " Once", "logprob": -0.12, "bytes": [32, 79], "top_logprobs": []}
    other = {"token": " One", "logprob": -2.5, "bytes": None}
    logprobs = {"content": [token, token | {"top_logprobs": [other]}], "refusal": None}
    [one, two] = parse(reply(logprobs=logprobs)).choices[0].logprobs.content
    assert (one.token, one.logprob, one.bytes, one.top_logprobs) == (" Once", -0.12, [32, 79], [])
    assert [(top.token, top.logprob) for top in two.top_logprobs] == [(" One", -2.5)]


def test_the_text_is_the_first_choices():
    body = reply()
    body["choices"].insert(0, reply(index=1, message={"content": "other"})["choices"][0])
    assert parse(body).text == " Once upon a time,"


def test_nothing_of_a_reply_is_lost():
    body = reply(
        finish_reason="boredom",
        message={
            "role": "narrator",
            "annotations": [
                {"type": "footnote", "page": 3},
                {
                    "type": "url_citation",
                    "url_citation": {"start_index": 0, "end_index": 4, "url": "http://a.test", "title": "A"},
                },
            ],
            "tool_calls": [{"id": "t", "type": "dream", "function": {"name": "f", "arguments": "{"}, "x": 1}],
            "audio": {"id": "a", "data": "UklGRg==", "expires_at": 1795250400, "transcript": "hello"},
        },
    ) | {"object": "chat.completion.v9", "service_tier": "gold", "new": {"a": [1]}}
    body["usage"]["completion_tokens_details"] = {"reasoning_tokens": 3, "dream_tokens": 2}
    assert parse(body).model_dump(mode="json", exclude_unset=True) == body


def test_a_reply_without_choices_is_none():
    with pytest.raises(InvalidResponseError, match="choices"):
        parse({"id": "chatcmpl-1", "created": 1, "model": "m"})


@pytest.mark.parametrize("build", [create, stream])
def test_a_misspelt_argument_is_recognised_too(build):
    with pytest.raises(TypeError, match="'time_out'; did you mean 'timeout'"):
        build(None, "m", HELLO, time_out=1)
