"""The request types of the OpenAI-style (v2) routes hold what the server accepts, no more and no less."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from llmengine_integrations.wire.chat import ChatRequest
from llmengine_integrations.wire.text_completions import TextCompletionRequest

CHAT = TypeAdapter(ChatRequest)
TEXT = TypeAdapter(TextCompletionRequest)

# The fields of the gateway's own description of the two routes.
SAMPLING = {
    "add_special_tokens",
    "best_of",
    "early_stopping",
    "echo",
    "frequency_penalty",
    "guided_choice",
    "guided_decoding_backend",
    "guided_grammar",
    "guided_json",
    "guided_regex",
    "guided_whitespace_pattern",
    "ignore_eos",
    "include_stop_str_in_output",
    "length_penalty",
    "logit_bias",
    "logprobs",
    "max_tokens",
    "min_p",
    "min_tokens",
    "model",
    "n",
    "presence_penalty",
    "repetition_penalty",
    "response_format",
    "seed",
    "skip_special_tokens",
    "spaces_between_special_tokens",
    "stop",
    "stop_token_ids",
    "stream",
    "stream_options",
    "temperature",
    "top_k",
    "top_p",
    "use_beam_search",
    "user",
}
CHAT_ONLY = {
    "add_generation_prompt",
    "audio",
    "chat_template",
    "chat_template_kwargs",
    "continue_final_message",
    "documents",
    "function_call",
    "functions",
    "max_completion_tokens",
    "messages",
    "metadata",
    "modalities",
    "parallel_tool_calls",
    "prediction",
    "priority",
    "reasoning_effort",
    "service_tier",
    "store",
    "tool_choice",
    "tools",
    "top_logprobs",
    "web_search_options",
}

HELLO = [{"role": "user", "content": "hello"}]
CALL = {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}
MESSAGES = [
    {"role": "system", "content": "be nice", "name": None},
    {"role": "developer", "content": [{"type": "text", "text": "be brief"}]},
    {"role": "user", "content": "hello", "name": "Ada"},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "what are these?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            {"type": "file", "file": {"file_id": "file-1"}},
        ],
    },
    {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": "hm"},
    {"role": "tool", "tool_call_id": "t", "content": [{"type": "text", "text": "42"}]},
    {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}], "reasoning": "hm", "audio": {"id": "a"}},
    {"role": "function", "name": "f", "content": None},
]


def test_every_field_of_the_contract_is_there():
    assert set(ChatRequest.__annotations__) == SAMPLING | CHAT_ONLY
    assert set(TextCompletionRequest.__annotations__) == (SAMPLING | {"prompt", "suffix"})


def test_every_kind_of_message_passes_unchanged():
    body = {"model": "m", "messages": MESSAGES}
    assert CHAT.validate_python(body) == body


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.0, "top_p": 0.0, "top_k": -1, "n": 1, "presence_penalty": -2.0, "frequency_penalty": -2.0},
        {"temperature": 2.0, "top_p": 1.0, "top_k": 50, "n": 128, "presence_penalty": 2.0, "frequency_penalty": 2.0},
        {"stop": "x"},
        {"stop": ["1", "2", "3", "4"]},
        {"response_format": {"type": "text"}},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"logit_bias": {"50256": -100}, "guided_choice": ["a"], "stop_token_ids": [2], "user": None},
    ],
)
def test_what_both_routes_accept(options):
    for adapter, body in ((CHAT, {"model": "m", "messages": HELLO}), (TEXT, {"model": "m", "prompt": "hi"})):
        assert adapter.validate_python(body | options) == body | options


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -0.1},
        {"temperature": 2.1},
        {"top_p": -0.1},
        {"top_p": 1.1},
        {"top_k": -2},
        {"n": 0},
        {"n": 129},
        {"presence_penalty": -2.1},
        {"presence_penalty": 2.1},
        {"frequency_penalty": -2.1},
        {"frequency_penalty": 2.1},
        {"stop": []},
        {"stop": list("12345")},
        {"response_format": {"type": "poem"}},
        {"response_format": {"type": "json_schema"}},
        {"logit_bias": {"1": "much"}},
        {"model": None},
    ],
)
def test_what_both_routes_refuse(options):
    for adapter, body in ((CHAT, {"model": "m", "messages": HELLO}), (TEXT, {"model": "m", "prompt": "hi"})):
        with pytest.raises(ValidationError):
            adapter.validate_python(body | options)


@pytest.mark.parametrize(
    "options",
    [
        {"seed": -(2**63), "top_logprobs": 20, "logprobs": True, "max_tokens": -1, "best_of": 21},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}, "strict": True}}]},
        {"tool_choice": "required"},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        {"function_call": {"name": "f"}, "functions": [{"name": "f"}]},
        {"reasoning_effort": "low", "modalities": ["text", "audio"], "audio": {"voice": "ash", "format": "wav"}},
        {"prediction": {"type": "content", "content": [{"type": "text", "text": "x"}]}},
        {"web_search_options": {"user_location": {"type": "approximate", "approximate": {"country": "DE"}}}},
        {"documents": [{"title": "a", "text": "b"}], "chat_template_kwargs": {"enable_thinking": False}},
    ],
)
def test_what_chat_accepts(options):
    body = {"model": "m", "messages": HELLO} | options
    assert CHAT.validate_python(body) == body


@pytest.mark.parametrize(
    "options",
    [
        {"seed": 2**63},
        {"seed": -(2**63) - 1},
        {"top_logprobs": 21},
        {"top_logprobs": -1},
        {"tools": [{"type": "function"}]},
        {"tool_choice": "perhaps"},
        {"functions": []},
        {"functions": [{"name": "f"}] * 129},
        {"function_call": "required"},
        {"reasoning_effort": "none"},
        {"modalities": ["smell"]},
        {"messages": []},
        {"messages": [{"content": "hello"}]},
        {"messages": [{"role": "narrator", "content": "hello"}]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": []}]},
        {"messages": [{"role": "user", "content": [{"type": "refusal", "refusal": "no"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x" * 65537}}]}]},
        {"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        {"messages": [{"role": "tool", "content": "42"}]},
        {"messages": [{"role": "function", "content": "42"}]},
    ],
)
def test_what_chat_refuses(options):
    with pytest.raises(ValidationError):
        CHAT.validate_python({"model": "m", "messages": HELLO} | options)


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_what_a_chat_needs(missing):
    body = {"model": "m", "messages": HELLO}
    del body[missing]
    with pytest.raises(ValidationError):
        CHAT.validate_python(body)


@pytest.mark.parametrize("prompt", ["", [], ["a", "b"], [1, 2], [[1], [2, 3]]])
def test_prompts(prompt):
    body = {"model": "m", "prompt": prompt}
    assert TEXT.validate_python(body) == body


@pytest.mark.parametrize(
    "options",
    [
        {"prompt": None},
        {"prompt": [[]]},
        {"prompt": ["a", 1]},
        {"max_tokens": -1},
        {"best_of": 21},
        {"best_of": -1},
        {"logprobs": 6},
        {"logprobs": -1},
    ],
)
def test_what_completions_refuse(options):
    with pytest.raises(ValidationError):
        TEXT.validate_python({"model": "m", "prompt": "hi"} | options)
