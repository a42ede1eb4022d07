"""What a chat call sends: fields, the call's own options over them, tools, formats; and what is refused before anything is sent."""

from __future__ import annotations

from typing import TypedDict

import pytest
from langchain_core.tools import tool
from pydantic import BaseModel, Field, ValidationError

from llmengine_integrations import errors
from llmengine_integrations.langchain import ChatLLMEngine

from . import chat_calls as calls

SETTINGS = {
    "temperature": 0.5,
    "n": 1,
    "seed": 7,
    "logprobs": True,
    "top_logprobs": 2,
    "top_k": 5,
    "top_p": 0.9,
    "min_p": 0.1,
    "presence_penalty": 0.1,
    "frequency_penalty": -0.1,
    "repetition_penalty": 1.1,
    "include_stop_str_in_output": True,
    "skip_special_tokens": False,
    "reasoning_effort": "low",
    "chat_template": "{{ messages }}",
    "chat_template_kwargs": {"enable_thinking": False},
}
GUIDES = {"guided_json": {"type": "object"}, "guided_regex": "a+", "guided_choice": ["a"], "guided_grammar": "root"}


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def shout(text: str) -> str:
    """Say it loudly."""
    return text.upper()


class Point(BaseModel):
    """A point in the plane."""

    x: int = Field(description="to the right")
    y: int = 0


class Place(TypedDict):
    """A place."""

    city: str


def body(request):
    return {name: value for name, value in request.items() if name not in {"messages", "stream", "stream_options"}}


@pytest.mark.parametrize("call", calls.ALL)
async def test_a_bare_call_leaves_the_rest_to_the_server(chat, chat_gateway, call):
    await call(chat, "x")
    assert body(chat_gateway.last) == {"model": "m"}
    if call in calls.STREAMED:
        assert chat_gateway.last["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("call", calls.ALL)
async def test_fields_are_sent(make_chat, chat_gateway, call):
    await call(make_chat(max_tokens=9, stop="A", **SETTINGS), "x")
    assert body(chat_gateway.last) == {"model": "m", "max_tokens": 9, "stop": ["A"], **SETTINGS}


@pytest.mark.parametrize("call", calls.ALL)
async def test_a_calls_options_win(make_chat, chat_gateway, call):
    fields = {"max_tokens": 2, "stop": ["Z"], "model_kwargs": {"user": "me", "min_tokens": 1}}
    await call(make_chat(**fields), "x", model="other", max_completion_tokens=9, stop=["A"], user="you", **SETTINGS)
    expected = {"model": "other", "max_tokens": 9, "stop": ["A"], "user": "you", "min_tokens": 1, **SETTINGS}
    assert body(chat_gateway.last) == expected


@pytest.mark.parametrize("call", calls.ALL)
async def test_none_leaves_an_option_to_the_server(make_chat, chat_gateway, call):
    await call(make_chat(**SETTINGS | {"max_tokens": 3}), "x", max_tokens=None, temperature=None, top_k=None, stop=[])
    assert not {"max_tokens", "temperature", "top_k", "stop"} & set(chat_gateway.last)


@pytest.mark.parametrize("guide", GUIDES)
def test_one_guide_replaces_another(make_chat, chat_gateway, guide):
    other = "guided_regex" if guide != "guided_regex" else "guided_choice"
    chat = make_chat(**{guide: GUIDES[guide]})
    chat.invoke("x")
    assert chat_gateway.last[guide] == GUIDES[guide]
    chat.invoke("x", **{other: GUIDES[other]})
    assert chat_gateway.last[other] == GUIDES[other]
    assert guide not in chat_gateway.last
    chat.invoke("x", response_format={"type": "json_object"})
    assert guide not in chat_gateway.last
    chat.bind_tools([add], tool_choice="any").invoke("x")
    assert guide not in chat_gateway.last


def test_a_calls_constraint_replaces_a_format_among_the_others(make_chat, chat_gateway):
    chat = make_chat(model_kwargs={"response_format": {"type": "json_object"}})
    chat.invoke("x")
    assert chat_gateway.last["response_format"] == {"type": "json_object"}
    chat.invoke("x", guided_choice=["a", "b"])
    assert "response_format" not in chat_gateway.last
    chat.bind_tools([add], tool_choice="any").invoke("x")
    assert "response_format" not in chat_gateway.last


@pytest.mark.parametrize("call", calls.ALL)
@pytest.mark.parametrize("options", [{"temprature": 1}, {"max_tokens": 1, "max_new_tokens": 2}, {"client": None}])
async def test_unknown_and_double_options_are_refused(chat, chat_gateway, call, options):
    with pytest.raises(TypeError, match=r"did you mean 'temperature'|given twice|unexpected"):
        await call(chat, "x", **options)
    assert chat_gateway.requests == []


def test_wrong_fields_are_refused():
    with pytest.raises(TypeError, match="did you mean 'temperature'"):
        ChatLLMEngine(model="m", temprature=1)
    with pytest.raises(TypeError, match="given twice"):
        ChatLLMEngine(model="m", model_name="n")
    with pytest.raises(TypeError, match="did you mean 'min_tokens'"):
        ChatLLMEngine(model="m", model_kwargs={"min_token": 1})
    with pytest.raises(TypeError, match="temperature"):
        ChatLLMEngine(model="m", model_kwargs={"temperature": 1})
    with pytest.raises(ValidationError, match="formatter is for api"):
        ChatLLMEngine(model="m", formatter=str)
    with pytest.raises(ValidationError, match="needs a chat_template"):
        ChatLLMEngine(model="m", api="v1")


@pytest.mark.parametrize("given", [add, shout, Point, Place, Point.model_json_schema()])
def test_whatever_describes_a_tool(chat, chat_gateway, given):
    chat.bind_tools([given]).invoke("x")
    (sent,) = chat_gateway.last["tools"]
    assert sent["type"] == "function"
    assert sent["function"]["name"] in {"add", "shout", "Point", "Place"}
    assert sent["function"]["description"]
    assert sent["function"]["parameters"]["properties"]
    assert "tool_choice" not in chat_gateway.last


NAMED = {"type": "function", "function": {"name": "add"}}


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        (False, None),
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("any", "required"),
        (True, "required"),
        ("add", NAMED),
        (NAMED, NAMED),
        ({"type": "tool", "name": "add"}, NAMED),
    ],
)
def test_every_form_of_tool_choice(chat, chat_gateway, choice, sent):
    chat.bind_tools([add, shout], tool_choice=choice).invoke("x")
    assert chat_gateway.last.get("tool_choice") == sent
    chat.bind_tools([add, shout]).invoke("x", tool_choice=choice)
    assert chat_gateway.last.get("tool_choice") == sent


def test_a_tool_choice_that_is_none_of_the_tools(chat):
    with pytest.raises(ValueError, match="there is no tool 'sub' among add, shout"):
        chat.bind_tools([add, shout], tool_choice="sub")
    with pytest.raises(ValueError, match="there is no tool 'sub'"):
        chat.bind_tools([add], tool_choice={"type": "function", "function": {"name": "sub"}})


def test_strict_and_parallel(chat, chat_gateway):
    chat.bind_tools([add], strict=True, parallel_tool_calls=False, temperature=0).invoke("x")
    assert chat_gateway.last["tools"][0]["function"]["strict"] is True
    assert chat_gateway.last["parallel_tool_calls"] is False
    assert chat_gateway.last["temperature"] == 0


@pytest.mark.parametrize("strict", [None, True, False])
def test_strict_holds_for_tools_in_openais_form(chat, chat_gateway, strict):
    given = {"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}
    chat.bind_tools([{"type": "function", "function": given}], strict=strict).invoke("x")
    sent = chat_gateway.last["tools"][0]["function"]
    assert sent.get("strict") is strict
    assert sent["parameters"].get("additionalProperties", True) is not (strict or False)
    assert "strict" not in given


def test_no_tools_is_nothing_to_send(make_chat, chat_gateway):
    make_chat(model_kwargs={"parallel_tool_calls": False}).bind_tools([]).invoke("x")
    assert body(chat_gateway.last) == {"model": "m"}


def test_tools_of_a_call(chat, chat_gateway):
    chat.invoke("x", tools=[add])
    assert chat_gateway.last["tools"][0]["function"]["name"] == "add"


def test_streams_without_usage(make_chat, chat_gateway):
    list(make_chat(stream_usage=False).stream("x"))
    assert "stream_options" not in chat_gateway.last
    list(make_chat().stream("x", stream_usage=False))
    assert "stream_options" not in chat_gateway.last


async def test_a_stream_is_one_answer(make_chat):
    for call in calls.STREAMED:
        with pytest.raises(errors.InvalidArgumentError, match="n must be 1"):
            await call(make_chat(n=2), "x")


def test_streaming_as_a_field(make_chat, chat_gateway):
    assert make_chat(streaming=True).invoke("x").content == " You said: x"
    assert chat_gateway.last["stream"] is True
    assert make_chat().invoke("x", stream=True).content == " You said: x"
    assert chat_gateway.last["stream"] is True


def test_timeout_of_a_call(chat, chat_gateway):
    chat.invoke("x", timeout=3)
    assert body(chat_gateway.last) == {"model": "m"}
