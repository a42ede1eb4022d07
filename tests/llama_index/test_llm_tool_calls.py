"""Tool calls as servers send them: each is made as the model wrote it, or the agent and the model learn why it was not made."""

from __future__ import annotations

import httpx
import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.tools import FunctionTool

from llmengine_integrations.llama_index import ToolCallError
from prompting.streams_of_calls import ANY, ARGUMENTS, STREAMS

from .endpoints import chat_of
from .gateway import Events, said


def streamed(*deltas, finish_reason="tool_calls"):
    """A reply of the gateway, made of deltas."""
    ends = [{"index": 0, "delta": {}, "finish_reason": finish_reason}] if finish_reason else []
    choices = [*({"index": 0, "delta": delta} for delta in deltas), *ends]
    events = Events({"id": "1", "model": "m", "choices": [choice]} for choice in choices)
    return httpx.Response(200, headers={"content-type": "text/event-stream; charset=utf-8"}, stream=events)


def selected(llm, response, **kwargs):
    return [(call.tool_name, call.tool_kwargs) for call in llm.get_tool_calls_from_response(response, **kwargs)]


@pytest.mark.parametrize(("deltas", "expected"), STREAMS.values(), ids=STREAMS)
def test_how_servers_stream_calls(make_llm, gateway, deltas, expected):
    gateway.refusals, llm = [streamed(*deltas)], make_llm()
    last = list(llm.stream_chat(chat_of("hi")))[-1]
    calls = llm.get_tool_calls_from_response(last, error_on_no_tool_call=False)
    for call, (call_id, name, arguments) in zip(calls, expected, strict=True):
        assert call.tool_id.startswith("call_") if call_id == ANY else call.tool_id == call_id
        assert call.tool_kwargs == (arguments or {})
        assert call.tool_name == name if arguments is not None else "(not called. " in call.tool_name


@pytest.mark.parametrize("written", ARGUMENTS, ids=lambda text: text[:20])
@pytest.mark.parametrize("streams", [False, True])
def test_arguments(make_llm, gateway, written, streams):
    gateway.replies, llm = [said(calls=[("f", written)])], make_llm()
    response = list(llm.stream_chat(chat_of("hi")))[-1] if streams else llm.chat(chat_of("hi"))
    expected = ARGUMENTS[written]
    if expected is not None:
        assert selected(llm, response) == [("f", expected)]
        return
    with pytest.raises(ToolCallError, match="JSON"):
        llm.get_tool_calls_from_response(response)
    ((name, arguments),) = selected(llm, response, error_on_no_tool_call=False)
    assert name.startswith("f (not called. ")
    assert arguments == {}


def test_what_is_still_being_written_is_no_call_to_make(make_llm, gateway):
    gateway.replies, llm = [said(calls=[("f", '{"a": 1}')])], make_llm()
    *_, before, last = [one for one in llm.stream_chat(chat_of("hi")) if one.raw["choices"]]
    assert before.message.blocks[-1].tool_kwargs == '{"a": 1}'
    with pytest.raises(ToolCallError, match="still being written"):
        llm.get_tool_calls_from_response(before)
    assert selected(llm, last) == [("f", {"a": 1})]


def test_a_stream_that_does_not_say_why_it_ended(make_llm, gateway):
    """Some proxies end with [DONE] alone."""
    parts = [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"a": 1'}}]
    response = streamed({"tool_calls": parts}, finish_reason=None)
    content = b"".join(response.stream) + b"data: [DONE]\n\n"
    gateway.refusals, llm = [httpx.Response(200, headers=response.headers, content=content)], make_llm()
    last = list(llm.stream_chat(chat_of("hi")))[-1]
    ((name, arguments),) = selected(llm, last, error_on_no_tool_call=False)
    assert "not valid JSON" in name
    assert arguments == {}


def test_a_response_of_other_code(make_llm):
    block = ToolCallBlock(tool_call_id="a", tool_name="f", tool_kwargs='{"a": "b')
    response = ChatResponse(message=ChatMessage(role="assistant", blocks=[block]))
    with pytest.raises(ToolCallError, match="The call of f was not made"):
        make_llm().get_tool_calls_from_response(response)


CUT = ['{"folder": "/data/cache", "patt', '{"folder": "/data/ca', '{"folder": "/data/cache"', "{", ""]
WHOLE = '{"folder": "/data/cache"}'


def scripted(api, arguments, finish_reason="length"):
    if api == "v2":
        return said(calls=[("delete_files", arguments)], finish_reason=finish_reason)
    end = "}" if arguments == WHOLE else ""
    return said(f'{{"name": "delete_files", "arguments": {arguments}{end}')


@pytest.fixture
def ran():
    return []


@pytest.fixture
def tool(ran):
    def delete_files(folder: str = "/", pattern: str = "*") -> str:
        """Delete files."""
        ran.append((folder, pattern))
        return "deleted"

    return FunctionTool.from_defaults(delete_files)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("arguments", CUT)
@pytest.mark.parametrize("api", ["v1", "v2"])
async def test_an_agent_has_the_model_make_a_call_again_that_was_cut_off(
    make_llm, gateway, api, arguments, streaming, tool, ran
):
    done = said("Done." if api == "v2" else '{"answer": "Done."}')
    gateway.replies = [scripted(api, arguments), scripted(api, WHOLE), done]
    llm = make_llm(api=api, is_function_calling_model=True)
    result = await FunctionAgent(tools=[tool], llm=llm, streaming=streaming).run("x")
    assert ran == [("/data/cache", "*")]
    assert result.response.content == "Done."
    assert [bool(call.tool_output.is_error) for call in result.tool_calls] == [True, False]
    chat = [request for request in gateway.requests if "messages" in request or "prompt" in request][1]
    if api == "v1":
        assert "delete_files (not called. " in chat["prompt"]
        return
    asked, told = chat["messages"][-2:]
    assert asked["tool_calls"][0]["function"] == {"name": "delete_files", "arguments": "{}"}
    assert told["role"] == "tool"
    assert told["tool_call_id"] == asked["tool_calls"][0]["id"]
    assert "cut off" in told["content"]
    assert "Write the whole call again." in told["content"]


async def test_the_other_calls_of_a_reply_are_made(make_llm, gateway, tool, ran):
    calls = [("delete_files", WHOLE), ("delete_files", CUT[0])]
    gateway.replies = [said(calls=calls, finish_reason="length"), said("Done.")]
    agent = FunctionAgent(name="a", description="a", tools=[tool], llm=make_llm())
    result = await AgentWorkflow(agents=[agent]).run("x")
    assert ran == [("/data/cache", "*")]
    assert result.response.content == "Done."
    told = [message for message in gateway.last["messages"] if message["role"] == "tool"]
    assert {message["tool_call_id"] for message in told} == {"call-0", "call-1"}


@pytest.mark.parametrize("arguments", CUT)
@pytest.mark.parametrize("api", ["v1", "v2"])
async def test_predict_and_call_refuses_a_call_that_was_cut_off(make_llm, gateway, api, arguments, tool, ran):
    gateway.replies = [scripted(api, arguments), scripted(api, arguments)]
    llm = make_llm(api=api, is_function_calling_model=True)
    with pytest.raises(ToolCallError, match="The call of delete_files was not made"):
        llm.predict_and_call([tool], "x")
    with pytest.raises(ToolCallError, match="The call of delete_files was not made"):
        await llm.apredict_and_call([tool], "x", allow_parallel_tool_calls=True)
    assert ran == []


@pytest.mark.parametrize("parallel", [False, True])
async def test_also_where_no_call_is_required(make_llm, gateway, parallel, tool, ran):
    """LlamaIndex's own method ends in a KeyError there, after the calls before it were made."""
    cut, options = [("delete_files", CUT[0])], {"error_on_no_tool_call": False, "allow_parallel_tool_calls": parallel}
    both = [("delete_files", WHOLE), *cut] if parallel else cut
    gateway.replies, llm = [said(calls=both, finish_reason="length")] * 2, make_llm()
    with pytest.raises(ToolCallError, match="The call of delete_files was not made"):
        llm.predict_and_call([tool], "x", **options)
    with pytest.raises(ToolCallError, match="The call of delete_files was not made"):
        await llm.apredict_and_call([tool], "x", **options)
    assert ran == []
    gateway.replies = [said("No need.")] * 2
    assert llm.predict_and_call([tool], "x", **options).response == "No need."
    assert (await llm.apredict_and_call([tool], "x", **options)).response == "No need."


def test_a_call_that_ends_exactly_at_the_limit_is_made(make_llm, gateway, tool, ran):
    gateway.replies = [scripted("v2", WHOLE)]
    make_llm().predict_and_call([tool], "x")
    assert ran == [("/data/cache", "*")]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("arguments", ["null", " ", "", "{}"])
async def test_an_agent_makes_a_call_without_arguments(make_llm, gateway, arguments, streaming, tool, ran):
    gateway.replies = [scripted("v2", arguments, "tool_calls"), said("Done.")]
    await FunctionAgent(tools=[tool], llm=make_llm(), streaming=streaming).run("x")
    assert ran == [("/", "*")]
