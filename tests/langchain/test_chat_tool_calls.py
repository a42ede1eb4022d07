"""Tool calls as servers send them: each is made as the model wrote it, or it is invalid, and no agent makes it."""

from __future__ import annotations

from functools import reduce
from operator import add

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool

from prompting.streams_of_calls import ANY, ARGUMENTS, STREAMS

from . import chat_calls as calls
from .chat_gateway import call as made
from .chat_gateway import call_delta, choice, chunk, message, reply
from .gateway import completion, output_event, stream

create_agent = pytest.importorskip("langchain.agents").create_agent


def made_and_invalid(found):
    return [(c["name"], c["args"]) for c in found.tool_calls], [c["name"] or "" for c in found.invalid_tool_calls]


@pytest.mark.parametrize(("deltas", "expected"), STREAMS.values(), ids=STREAMS)
def test_how_servers_stream_calls(chat, chat_gateway, deltas, expected):
    chat_gateway.refuse = lambda body: stream(*map(chunk, deltas), chunk({}, finish_reason="tool_calls"))
    found = reduce(add, chat.stream("x"))
    valid = [(name, arguments) for _, name, arguments in expected if arguments is not None]
    assert made_and_invalid(found) == (valid, [name for _, name, arguments in expected if arguments is None])
    ids = [c["id"] for c in found.tool_calls]
    wanted = [call_id for call_id, _, arguments in expected if arguments is not None]
    assert all(
        found.startswith("call_") if given == ANY else found == given for found, given in zip(ids, wanted, strict=True)
    )


@pytest.mark.parametrize("written", ARGUMENTS, ids=lambda text: text[:20])
@pytest.mark.parametrize("call", [calls.invoke, calls.stream], ids=lambda call: call.__name__)
async def test_arguments(chat, chat_gateway, call, written):
    whole = reply(choice(message(None, tool_calls=[made("f", written)]), finish_reason="tool_calls"))
    half = len(written) // 2
    deltas = [call_delta(0, "", "f", "call_1"), call_delta(0, written[:half]), call_delta(0, written[half:])]
    events = [*map(chunk, deltas), chunk({}, finish_reason="tool_calls")]
    chat_gateway.refuse = lambda body: stream(*events) if body.get("stream") else whole
    found, expected = await call(chat, "x"), ARGUMENTS[written]
    assert made_and_invalid(found) == (([("f", expected)], []) if expected is not None else ([], ["f"]))
    if call is calls.invoke and expected is None:
        assert "JSON" in found.invalid_tool_calls[0]["error"]


class Model:
    """A gateway that replies with the next of its texts of arguments, as calls of `delete_files`, and then in words."""

    def __init__(self, gateway, *arguments, finish_reason="length"):
        gateway.refuse = self
        self.gateway = gateway
        self.arguments = list(arguments)
        self.finish_reason = finish_reason
        self.requests = []

    def __call__(self, body):
        self.requests.append(body)
        arguments = self.arguments.pop(0) if self.arguments else None
        return self.completion(body, arguments) if "prompt" in body else self.chat(body, arguments)

    def chat(self, body, arguments):
        reason = "stop" if arguments is None else self.finish_reason
        asked = message("Done.") if arguments is None else message(None, tool_calls=[made("delete_files", arguments)])
        if not body.get("stream"):
            return reply(choice(asked, finish_reason=reason))
        delta = {"content": "Done."} if arguments is None else call_delta(0, arguments, "delete_files", "call_1")
        return stream(chunk(delta), chunk({}, finish_reason=reason))

    def completion(self, body, arguments):
        call = f'{{"name": "delete_files", "arguments": {arguments}'
        text = '{"answer": "Done."}' if arguments is None else call
        if self.gateway.paths[-1].endswith("stream"):
            return stream(output_event(text), output_event("", finished=True, count=256, prompt_tokens=5))
        return completion(text, count=256, prompt_tokens=5)


def agent_of(chat, ran):
    @tool
    def delete_files(folder: str = "/", pattern: str = "*") -> str:
        """Delete files."""
        ran.append((folder, pattern))
        return "deleted"

    return create_agent(chat, [delete_files])


CUT = ['{"folder": "/data/cache", "patt', '{"folder": "/data/ca', '{"folder": "/data/cache"', "{", ""]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("arguments", CUT)
@pytest.mark.parametrize("api", ["v1", "v2"])
def test_an_agent_does_not_make_a_call_that_was_cut_off(make_chat, chat_gateway, api, arguments, streaming):
    Model(chat_gateway, arguments)
    chat, ran = make_chat(api=api, streaming=streaming, formatter=str if api == "v1" else None), []
    history = agent_of(chat, ran).invoke({"messages": [HumanMessage("x")]})["messages"]
    assert ran == []
    assert history[-1].response_metadata["finish_reason"] == "length"
    assert [c["name"] for c in history[-1].invalid_tool_calls] == ["delete_files"]


def test_the_model_learns_that_a_call_was_not_made(make_chat, chat_gateway):
    model, ran = Model(chat_gateway, CUT[0], '{"folder": "/data/cache"}', finish_reason="tool_calls"), []
    agent = agent_of(make_chat(), ran)
    history = agent.invoke({"messages": [HumanMessage("x")]})["messages"]
    history = agent.invoke({"messages": [*history, HumanMessage("Go on.")]})["messages"]
    assert ran == [("/data/cache", "*")]
    assert history[-1].content == "Done."
    asked, told = model.requests[1]["messages"][1:3]
    assert asked["tool_calls"][0]["function"] == {"name": "delete_files", "arguments": "{}"}
    assert told["role"] == "tool"
    assert told["tool_call_id"] == asked["tool_calls"][0]["id"]
    assert "arguments" in told["content"]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("arguments", ["null", " ", "", "{}"])
def test_an_agent_makes_a_call_without_arguments(make_chat, chat_gateway, arguments, streaming):
    Model(chat_gateway, arguments, finish_reason="tool_calls")
    ran = []
    agent = agent_of(make_chat(streaming=streaming), ran)
    assert agent.invoke({"messages": [HumanMessage("x")]})["messages"][-1].content == "Done."
    assert ran == [("/", "*")]


def test_a_stream_that_does_not_say_why_it_ended(chat, chat_gateway, monkeypatch):
    """Some proxies end with [DONE] alone."""
    response = stream(chunk(call_delta(0, "", "f", "a")), chunk(call_delta(1, "{}", "g", "b")))
    monkeypatch.setattr(type(response.stream), "__iter__", ended_by_done(type(response.stream).__iter__))
    chat_gateway.refuse = lambda body: response
    assert made_and_invalid(reduce(add, chat.stream("x"))) == ([("g", {})], ["f"])


def ended_by_done(events):
    def iterate(self):
        yield from events(self)
        yield b"data: [DONE]\n\n"

    return iterate
