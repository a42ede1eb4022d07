"""What `client.text_completions` sends, and what it makes of replies."""

from __future__ import annotations

import json

import pytest

from llmengine_integrations.core._operation import Operation, Request, StreamOperation
from llmengine_integrations.core.errors import InvalidArgumentError, InvalidResponseError
from llmengine_integrations.core.resources.text_completions import TextCompletions
from llmengine_integrations.core.streams.chat_events import TextReader
from llmengine_integrations.wire.text_completions import TextCompletion, TextCompletionOptions

create, stream = TextCompletions.create.build, TextCompletions.stream.build


def request(**body):
    return Request(method="POST", path="/v2/completions", json={"model": "m", "prompt": "hi", **body})


def parse(body):
    return create(None, "m", "hi").parse(json.dumps(body).encode())


REPLY = {
    "id": "cmpl-8c0db4ff",
    "choices": [
        {
            "finish_reason": "length",
            "index": 0,
            "logprobs": {
                "text_offset": [0, 0],
                "token_logprobs": [None, -0.008],
                "tokens": [" a", " time"],
                "top_logprobs": [None, {" time": -0.008}],
            },
            "text": " a time",
        }
    ],
    "created": 1795250349,
    "model": "llama-2-7b",
    "system_fingerprint": None,
    "object": "text_completion",
    "usage": {"completion_tokens": 2, "prompt_tokens": 1, "total_tokens": 3},
}


def test_nothing_is_sent_that_was_not_asked_for():
    assert create(None, "m", "hi") == Operation(request(), TextCompletion)
    assert stream(None, "m", "hi") == StreamOperation(request(stream=True), TextReader)


@pytest.mark.parametrize("prompt", ["", ["a", "b"], [1, 2], [[1], [2, 3]]])
def test_prompts_are_sent_as_they_are(prompt):
    assert create(None, "m", prompt).request == request(prompt=prompt)


def test_options_are_sent_as_they_are():
    options = {"max_tokens": 0, "temperature": 0.0, "echo": False, "logprobs": 5, "stop": "x", "suffix": "end", "n": 2}
    assert create(None, "m", "hi", **options).request == request(**options)
    assert stream(None, "m", "hi", **options).request == request(stream=True, **options)


@pytest.mark.parametrize("build", [create, stream])
def test_none_is_not_given(build):
    options = dict.fromkeys(TextCompletionOptions.__annotations__)
    assert build(None, "m", "hi", timeout=None, **options) == build(None, "m", "hi")


@pytest.mark.parametrize("build", [create, stream])
def test_the_timeout_is_not_sent(build):
    assert build(None, "m", "hi", timeout=3.5).request.timeout == 3.5
    assert "timeout" not in build(None, "m", "hi", timeout=3.5).request.json


def test_stream_options_belong_to_streams():
    usage = {"include_usage": True}
    assert stream(None, "m", "hi", stream_options=usage).request == request(stream=True, stream_options=usage)
    with pytest.raises(TypeError, match="stream_options"):
        create(None, "m", "hi", stream_options=usage)


@pytest.mark.parametrize("build", [create, stream])
def test_what_is_no_option_is_refused(build):
    with pytest.raises(TypeError, match="method of its own"):
        build(None, "m", "hi", stream=True)
    with pytest.raises(TypeError, match="max_new_tokens"):
        build(None, "m", "hi", max_new_tokens=5)


@pytest.mark.parametrize("build", [create, stream])
def test_an_empty_model_is_refused(build):
    with pytest.raises(InvalidArgumentError, match="empty"):
        build(None, "", "hi")


def test_a_reply():
    completion = parse(REPLY)
    assert completion.text == " a time"
    [choice] = completion.choices
    assert choice.finish_reason == "length"
    assert choice.logprobs.tokens == [" a", " time"]
    assert choice.logprobs.token_logprobs == [None, -0.008]
    assert completion.usage.total_tokens == 3


def test_nothing_of_a_reply_is_lost():
    choice = REPLY["choices"][0] | {"finish_reason": "boredom", "x": 1, "logprobs": None}
    body = REPLY | {"choices": [choice, choice | {"index": 1, "text": "b"}], "object": "new", "y": {"z": None}}
    completion = parse(body)
    assert completion.model_dump(mode="json", exclude_unset=True) == body
    assert completion.text == " a time"


def test_a_reply_without_text_is_none():
    with pytest.raises(InvalidResponseError, match=r"choices\.0\.text"):
        parse(REPLY | {"choices": [{"index": 0}]})
