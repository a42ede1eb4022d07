"""What comes back: the same message whether whole or streamed, from the real gateway's recordings and from what they do not show."""

from __future__ import annotations

import json
from functools import reduce
from operator import add

import pytest
from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import HumanMessage
from pydantic import BaseModel

from . import chat_calls as calls
from .chat_gateway import call as made
from .chat_gateway import call_delta, choice, chunk, logprob, message, played, reply, usage
from .gateway import stream

RECORDED = [
    "064-chat-ok",
    "065-chat-ok-logprobs",
    "067-chat-ok-tool-call",
    "068-chat-ok-reasoning",
    "070-chat-ok-sglang",
]
STREAMED = ["072-chat-stream-usage", "073-chat-stream-tool", "074-chat-stream-reasoning"]
KEYS = {"finish_reason", "model_name", "model_provider", "token_usage", "id"}


def answering(gateway, whole, *events):
    gateway.answers["x"] = lambda body: stream(*events) if body.get("stream") else whole


@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.parametrize("call", calls.WHOLE)
async def test_recorded_replies(chat, chat_gateway, call, name):
    chat_gateway.answers["x"] = lambda body: played(name)
    found, recorded = await call(chat, "x"), json.loads(played(name).content)
    said = recorded["choices"][0]["message"]
    assert found.content == (said["content"] or "")
    assert found.additional_kwargs.get("reasoning_content") == said["reasoning_content"]
    assert [c["name"] for c in found.tool_calls] == [c["function"]["name"] for c in said["tool_calls"] or []]
    assert [c["args"] for c in found.tool_calls] == [
        json.loads(c["function"]["arguments"]) for c in said["tool_calls"] or []
    ]
    assert found.usage_metadata["input_tokens"] == recorded["usage"]["prompt_tokens"]
    assert found.usage_metadata["output_tokens"] == recorded["usage"]["completion_tokens"]
    assert found.response_metadata["finish_reason"] == recorded["choices"][0]["finish_reason"]
    assert found.response_metadata["id"] == recorded["id"]
    assert found.response_metadata["model_name"] == "m"
    assert ("logprobs" in found.response_metadata) == (recorded["choices"][0]["logprobs"] is not None)


@pytest.mark.parametrize("name", STREAMED)
@pytest.mark.parametrize("call", calls.STREAMED)
async def test_recorded_streams(chat, chat_gateway, call, name):
    chat_gateway.answers["x"] = lambda body: played(name)
    found = await call(chat, "x")
    assert set(found.response_metadata) >= KEYS
    assert found.response_metadata["finish_reason"] == (
        "tool_calls" if "tool" in name else found.response_metadata["finish_reason"]
    )
    assert found.chunk_position == "last"
    assert bool(found.tool_calls) == ("tool" in name)
    assert bool(found.additional_kwargs.get("reasoning_content")) == ("reasoning" in name)
    assert (found.usage_metadata is not None) == ("usage" in name)
    assert found.content or found.tool_calls


@pytest.mark.parametrize("call", calls.ALL)
async def test_the_same_metadata_on_every_path(chat, call):
    found = await call(chat, "x", logprobs=True)
    assert found.content == " You said: x"
    assert found.response_metadata == {
        "finish_reason": "stop",
        "model_name": "m",
        "model_provider": "llmengine",
        "token_usage": {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4},
        "id": "chatcmpl-1",
        "logprobs": {"content": [logprob(" You", -0.125), logprob(" said:", -0.25), logprob(" x", -0.375)]},
    }
    assert found.usage_metadata == {"input_tokens": 1, "output_tokens": 3, "total_tokens": 4}


@pytest.mark.parametrize("call", calls.BOTH)
async def test_details_of_the_usage(chat, chat_gateway, call):
    used = usage(
        prompt_tokens_details={"cached_tokens": 2, "audio_tokens": None},
        completion_tokens_details={"reasoning_tokens": 1},
    )
    whole = reply(choice(message("hi")), used=used)
    answering(chat_gateway, whole, chunk({"content": "hi"}, finish_reason="stop"), chunk(used=used))
    assert (await call(chat, "x")).usage_metadata == {
        "input_tokens": 3,
        "output_tokens": 2,
        "total_tokens": 5,
        "input_token_details": {"cache_read": 2},
        "output_token_details": {"reasoning": 1},
    }


def test_usage_comes_on_one_chunk_and_text_on_others(chat):
    chunks = list(chat.stream("x"))
    assert [c.content for c in chunks] == [" You", " said:", " x", ""]
    assert [c.usage_metadata is not None for c in chunks] == [False, False, False, True]
    assert all(not c.response_metadata for c in chunks[:-1])
    assert chunks[-1].chunk_position == "last"


@pytest.mark.parametrize("call", calls.BOTH)
async def test_parallel_calls(chat, chat_gateway, call):
    whole = reply(
        choice(message(None, tool_calls=[made("a", '{"x": 1}', "c0"), made("b", "", "c1")]), finish_reason="tool_calls")
    )
    events = [
        chunk(call_delta(0, "", "a", "c0")),
        chunk(call_delta(0, '{"x"')),
        chunk(call_delta(1, "", "b", "c1")),
        chunk(call_delta(0, ": 1}")),
        chunk({}, finish_reason="tool_calls"),
    ]
    answering(chat_gateway, whole, *events)
    found = await call(chat, "x")
    assert found.content == ""
    assert [(c["name"], c["args"], c["id"]) for c in found.tool_calls] == [("a", {"x": 1}, "c0"), ("b", {}, "c1")]
    assert found.invalid_tool_calls == []


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_answers_of_a_stream_are_not_mixed(chat, chat_gateway, call):
    """Should a server send several all the same."""
    events = [chunk({"content": text}, index=i) for text, i in (("a", 0), ("X", 1), ("b", 0))]
    ends = [chunk({}, index=1, finish_reason="length"), chunk({}, finish_reason="stop")]
    answering(chat_gateway, None, *events, *ends)
    found = await call(chat, "x")
    assert (found.content, found.response_metadata["finish_reason"]) == ("ab", "stop")


def test_chunks_of_a_call(chat, chat_gateway):
    answering(chat_gateway, None, chunk(call_delta(0, "", "a")), chunk(call_delta(0, "{}"), finish_reason="tool_calls"))
    first, second, last = chat.stream("x")
    assert first.tool_call_chunks == [{"name": "a", "args": "", "id": "call_0", "index": 0, "type": "tool_call_chunk"}]
    assert second.tool_call_chunks[0]["args"] == "{}"
    assert second.tool_call_chunks[0]["name"] is None
    assert last.response_metadata["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("arguments", ["nope", "[1]", '"text"', "{'a': 1}"])
@pytest.mark.parametrize("call", calls.BOTH)
async def test_a_call_that_is_none_is_kept_as_such(chat, chat_gateway, call, arguments):
    whole = reply(
        choice(message(None, tool_calls=[made("a", arguments), made("b", "{}", "c2")]), finish_reason="tool_calls")
    )
    events = [
        chunk(call_delta(0, arguments, "a", "call_1")),
        chunk(call_delta(1, "{}", "b", "c2")),
        chunk({}, finish_reason="tool_calls"),
    ]
    answering(chat_gateway, whole, *events)
    found = await call(chat, "x")
    assert [c["name"] for c in found.tool_calls] == ["b"]
    (broken,) = found.invalid_tool_calls
    assert (broken["name"], broken["args"], broken["id"]) == ("a", arguments, "call_1")
    if call in calls.WHOLE:
        assert "JSON" in broken["error"]


def test_a_call_that_was_cut_off_is_invalid(chat, chat_gateway):
    cut = message(None, tool_calls=[made("delete", '{"path": "/home')])
    chat_gateway.answers["x"] = lambda body: reply(choice(cut, finish_reason="length"))
    found = chat.invoke("x")
    assert found.tool_calls == []
    assert found.invalid_tool_calls[0]["args"] == '{"path": "/home'


WHOLE_CALL = r'{"path": "/h \" [{\\", "deep": [{"a": [1, 2.5]}, null], "end": true}'


@pytest.mark.parametrize("length", range(len(WHOLE_CALL)))
def test_a_call_that_a_stream_cut_off_is_invalid(chat, chat_gateway, length):
    """LangChain would complete it, and an agent call the tool with what is not the model's."""
    events = [
        chunk(call_delta(0, WHOLE_CALL, "whole")),
        chunk(call_delta(1, "", "cut")),
        *(chunk(call_delta(1, letter)) for letter in WHOLE_CALL[:length]),
        chunk({}, finish_reason="length"),
    ]
    answering(chat_gateway, None, *events)
    found = reduce(add, chat.stream("x"))
    assert [c["args"] for c in found.tool_calls] == [json.loads(WHOLE_CALL)]
    (cut,) = found.invalid_tool_calls
    assert (cut["name"], cut["id"]) == ("cut", "call_1")
    assert cut["args"].startswith(WHOLE_CALL[:length])
    assert len(cut["args"]) <= length + 3


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("call", calls.BOTH)
async def test_thoughts(chat, chat_gateway, call, key):
    whole = reply(choice(message("4", **{key: "2 and 2"})))
    events = [chunk({key: "2 "}), chunk({key: "and 2"}), chunk({"content": "4"}, finish_reason="stop")]
    answering(chat_gateway, whole, *events)
    found = await call(chat, "x")
    assert found.additional_kwargs["reasoning_content"] == "2 and 2"
    assert [block["type"] for block in found.content_blocks] == ["reasoning", "text"]


@pytest.mark.parametrize("call", calls.BOTH)
async def test_refusals(chat, chat_gateway, call):
    whole = reply(choice(message(None, refusal="no")))
    answering(chat_gateway, whole, chunk({"refusal": "n"}), chunk({"refusal": "o"}, finish_reason="stop"))
    assert (await call(chat, "x")).additional_kwargs["refusal"] == "no"


@pytest.mark.parametrize("call", calls.BOTH)
async def test_an_empty_answer(chat, chat_gateway, call):
    answering(chat_gateway, reply(choice(message(""))), chunk({"role": "assistant"}, finish_reason="stop"))
    found = await call(chat, "x")
    assert (found.content, found.response_metadata["finish_reason"]) == ("", "stop")


async def test_several_answers(make_chat):
    chat, prompts = make_chat(n=3), [[HumanMessage("x")], [HumanMessage("y")]]
    for result in (chat.generate(prompts), await chat.agenerate(prompts)):
        assert [len(one) for one in result.generations] == [3, 3]
        first, *others = result.generations[0]
        assert first.message.usage_metadata["total_tokens"] == 4
        assert all(one.message.usage_metadata is None for one in others)
        assert all(one.message.response_metadata["model_name"] == "m" for one in (first, *others))
        assert result.llm_output["token_usage"] == {"prompt_tokens": 2, "completion_tokens": 6, "total_tokens": 8}


@pytest.mark.parametrize("call", calls.ALL)
async def test_output_version_v1(make_chat, call):
    found = await call(make_chat(output_version="v1"), "x")
    assert [(block["type"], block["text"]) for block in found.content] == [("text", " You said: x")]


@pytest.mark.parametrize("call", calls.ALL)
async def test_usage_handlers_count_every_path(chat, call):
    handler = UsageMetadataCallbackHandler()
    await call(chat, "x", config={"callbacks": [handler]})
    assert handler.usage_metadata == {"m": {"input_tokens": 1, "output_tokens": 3, "total_tokens": 4}}


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_tokens_are_told_before_they_are_handed_on(chat, call):
    class Tokens(BaseCallbackHandler):
        heard: list = []  # noqa: RUF012 - one test's own

        def on_llm_new_token(self, token, *, chunk=None, **kwargs):
            self.heard.append((token, chunk.message.content))

    handler = Tokens()
    handler.heard = []
    if call is calls.stream:
        for count, _ in enumerate(chat.stream("x", {"callbacks": [handler]}), 1):
            assert len(handler.heard) == count
    else:
        count = 0
        async for _ in chat.astream("x", {"callbacks": [handler]}):
            count += 1
            assert len(handler.heard) == count
    assert handler.heard == [(text, text) for text in (" You", " said:", " x", "")]


class Person(BaseModel):
    """Someone."""

    name: str
    age: int


ADA = '{"name": "Ada", "age": 36}'


@pytest.mark.parametrize("schema", [Person, Person.model_json_schema(), {"type": "object", "properties": {"name": {}}}])
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_structured_output(chat, chat_gateway, method, schema):
    def answer(body):
        if "tools" in body:
            said = message(None, tool_calls=[made(body["tools"][0]["function"]["name"], ADA)])
            return reply(choice(said, finish_reason="tool_calls"))
        return reply(choice(message(ADA)))

    chat_gateway.answers["x"] = answer
    expected = Person(name="Ada", age=36) if schema is Person else {"name": "Ada", "age": 36}
    assert chat.with_structured_output(schema, method=method).invoke("x") == expected
    raw = chat.with_structured_output(schema, method=method, include_raw=True).invoke("x")
    assert (raw["parsed"], raw["parsing_error"]) == (expected, None)
    assert raw["raw"].usage_metadata is not None
    sent = chat_gateway.last
    name = "Person" if schema is Person or "title" in schema else "response"
    if method == "json_schema":
        assert sent["response_format"]["json_schema"]["name"] == name
        assert set(sent["response_format"]["json_schema"]["schema"]["properties"]) >= {"name"}
    elif method == "function_calling":
        assert sent["tool_choice"] == {"type": "function", "function": {"name": name}}
        assert sent["parallel_tool_calls"] is False
    else:
        assert sent["response_format"] == {"type": "json_object"}


OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "name", "sent"),
    [
        ({"title": "Numbers", "type": "array", "items": {}}, "Numbers", {"type": "array", "items": {}}),
        ({"anyOf": [OBJECT, {"type": "null"}]}, "response", {"anyOf": [OBJECT, {"type": "null"}]}),
        ({"$ref": "#/$defs/A", "$defs": {"A": OBJECT}}, "response", {"$ref": "#/$defs/A", "$defs": {"A": OBJECT}}),
        ({"title": "A", "description": "d", **OBJECT}, "A", OBJECT),
        ({"name": "a", "schema": OBJECT, "strict": True}, "a", OBJECT),
        ({"type": "json_schema", "json_schema": {"name": "a", "schema": OBJECT}}, "a", OBJECT),
        ({"type": "function", "function": {"name": "a", "parameters": OBJECT}}, "a", OBJECT),
    ],
    ids=str,
)
def test_no_schema_is_lost(chat, chat_gateway, schema, name, sent):
    chat_gateway.answers["x"] = lambda body: reply(choice(message(ADA)))
    chat.with_structured_output(schema).invoke("x")
    found = chat_gateway.last["response_format"]["json_schema"]
    assert (found["name"], found["schema"]) == (name, sent)
    chat.with_structured_output(schema, strict=True).invoke("x")
    assert chat_gateway.last["response_format"]["json_schema"]["strict"] is True
    assert "additionalProperties" not in str(schema)


class Tree(BaseModel):
    """A tree."""

    trees: list[Tree]


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_a_schema_that_holds_itself(chat, chat_gateway, method):
    written = '{"trees": [{"trees": []}]}'
    said = message(written, **({"tool_calls": [made("Tree", written)]} if method == "function_calling" else {}))
    chat_gateway.answers["x"] = lambda body: reply(choice(said))
    assert chat.with_structured_output(Tree, method=method).invoke("x") == Tree(trees=[Tree(trees=[])])
    sent = chat_gateway.last
    if method == "json_schema":
        name, schema = (sent["response_format"]["json_schema"][key] for key in ("name", "schema"))
    else:
        name, schema = (sent["tools"][0]["function"][key] for key in ("name", "parameters"))
    assert name == "Tree"
    assert schema["$defs"]["Tree"]["properties"]["trees"]["items"] == {"$ref": "#/$defs/Tree"}


def test_structured_output_that_is_none(chat, chat_gateway):
    chat_gateway.answers["x"] = lambda body: reply(choice(message("sorry")))
    found = chat.with_structured_output(Person, include_raw=True).invoke("x")
    assert found["parsed"] is None
    assert "sorry" in str(found["parsing_error"])
    with pytest.raises(ValueError, match="sorry"):
        chat.with_structured_output(Person).invoke("x")


class Name(BaseModel):
    name: str


@pytest.mark.parametrize("schema", [Name, Name.model_json_schema()])
@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
async def test_structured_output_that_was_cut_off(chat, chat_gateway, method, schema):
    """LangChain's parsers take '{"name": "Ad' for a whole answer."""
    model = chat.with_structured_output(schema, method=method)
    chat_gateway.answers["x"] = lambda body: reply(choice(message('{"name": "Ad'), finish_reason="length"))
    with pytest.raises(OutputParserException, match="cut off"):
        model.invoke("x")
    with pytest.raises(OutputParserException, match="cut off"):
        await model.ainvoke("x")
    for text in ('{"name": "Ada"}', '```json\n{"name": "Ada"}\n```'):
        chat_gateway.answers["x"] = lambda body, text=text: reply(choice(message(text), finish_reason="length"))
        assert dict(model.invoke("x")) == {"name": "Ada"}


def written(gateway, text, finish_reason):
    """The gateway's answer, whole and in chunks of a character."""
    parts = [chunk({"content": part}) for part in text]
    whole = reply(choice(message(text), finish_reason=finish_reason))
    answering(gateway, whole, *parts, chunk({}, finish_reason=finish_reason))


@pytest.mark.parametrize("finish_reason", ["stop", "abort", "length"])
@pytest.mark.parametrize("text", ['{"name": "Ad', '{"name": "Ada"', '```json\n{"name": "Ad\n```', ""])
async def test_structured_output_that_ends_too_early(chat, chat_gateway, finish_reason, text):
    """Whatever the server says about it; LangChain's parsers make a whole answer of it. A stream's last object must be whole, too."""
    written(chat_gateway, text, finish_reason)
    problem = "cut off" if finish_reason == "length" else "not valid JSON"
    for schema in (Name, Name.model_json_schema()):
        model = chat.with_structured_output(schema)
        with pytest.raises(OutputParserException, match=problem):
            model.invoke("x")
        with pytest.raises(OutputParserException, match=problem):
            list(model.stream("x"))
        with pytest.raises(OutputParserException, match=problem):
            [each async for each in model.astream("x")]


@pytest.mark.parametrize("schema", [Name, Name.model_json_schema()])
def test_a_stream_of_a_forced_call_that_was_cut_off(chat, chat_gateway, schema):
    answering(chat_gateway, None, chunk(call_delta(0, '{"name": "Ad', "Name")), chunk({}, finish_reason="length"))
    with pytest.raises(OutputParserException):
        list(chat.with_structured_output(schema, method="function_calling").stream("x"))


def test_structured_output_with_more_after_it(chat, chat_gateway):
    written(chat_gateway, '{"name": "A\nda"}\nThat is her name.', "stop")
    model = chat.with_structured_output(Name)
    assert model.invoke("x") == list(model.stream("x"))[-1] == Name(name="A\nda")


@pytest.mark.parametrize("schema", [Person, Person.model_json_schema()])
@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (message("sorry"), "did not call the tool"),
        (message(None, tool_calls=[made("Person", ADA[:12])]), "not valid JSON"),
    ],
)
def test_structured_output_without_a_call(chat, chat_gateway, schema, answer, problem):
    """Others answer None."""
    chat_gateway.answers["x"] = lambda body: reply(choice(answer))
    found = chat.with_structured_output(schema, method="function_calling", include_raw=True).invoke("x")
    assert found["parsed"] is None
    assert problem in str(found["parsing_error"])
    with pytest.raises(OutputParserException, match=problem):
        chat.with_structured_output(schema, method="function_calling").invoke("x")


def test_strict_structured_output(chat, chat_gateway):
    chat_gateway.answers["x"] = lambda body: reply(choice(message(ADA)))
    chat.with_structured_output(Person, strict=True).invoke("x")
    sent = chat_gateway.last["response_format"]["json_schema"]
    assert sent["strict"] is True
    assert sent["schema"]["additionalProperties"] is False
    with pytest.raises(ValueError, match="json_mode has no strict"):
        chat.with_structured_output(Person, method="json_mode", strict=True)
    with pytest.raises(ValueError, match="needs a schema"):
        chat.with_structured_output(None)
    with pytest.raises(ValueError, match="must be json_schema"):
        chat.with_structured_output(Person, method="magic")


def test_logprobs_with_structured_output(make_chat, chat_gateway):
    """https://github.com/langchain-ai/langchain/issues/29668: others lose them."""
    probs = {"content": [logprob(ADA, -0.5)]}
    chat_gateway.answers["x"] = lambda body: reply(choice(message(ADA), logprobs=probs))
    found = make_chat(logprobs=True).with_structured_output(Person, include_raw=True).invoke("x")
    assert found["raw"].response_metadata["logprobs"] == probs
