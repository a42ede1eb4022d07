"""Tools: natively over v2, by guided JSON over v1."""

from __future__ import annotations

import json

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock
from llama_index.core.tools import FunctionTool

from llmengine_integrations.llama_index import ToolCallError

from .endpoints import chat_of
from .gateway import said


def weather(city: str, days: int = 1) -> str:
    """Tell the weather."""
    return f"Sunny in {city} for {days} days"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


TOOLS = [FunctionTool.from_defaults(weather), FunctionTool.from_defaults(add)]
PARIS, SUM = ("weather", '{"city": "Paris", "days": 2}'), ("add", '{"a": 1, "b": 2}')


async def whole(llm, *args, **kwargs):
    return [llm.chat_with_tools(*args, **kwargs)]


async def awhole(llm, *args, **kwargs):
    return [await llm.achat_with_tools(*args, **kwargs)]


async def streamed(llm, *args, **kwargs):
    return list(llm.stream_chat_with_tools(*args, **kwargs))


async def astreamed(llm, *args, **kwargs):
    return [one async for one in await llm.astream_chat_with_tools(*args, **kwargs)]


WAYS = [whole, awhole, streamed, astreamed]
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


def scripted(api, *calls, text=""):
    """What the model replies with on a route."""
    if api == "v2":
        return said(text, calls=calls)
    found = [{"name": name, "arguments": json.loads(arguments)} for name, arguments in calls]
    return said(json.dumps(found[0] if len(found) == 1 else found) if found else json.dumps({"answer": text}))


@pytest.fixture(params=["v2", "v1"])
def api(request):
    return request.param


@pytest.fixture
def llm(make_llm, api):
    return make_llm(api=api, is_function_calling_model=True)


def selected(llm, response, **kwargs):
    return [(call.tool_name, call.tool_kwargs) for call in llm.get_tool_calls_from_response(response, **kwargs)]


@each_way
async def test_a_call(way, llm, gateway, api):
    gateway.replies = [scripted(api, PARIS)]
    responses = await way(llm, TOOLS, "Is it sunny?")
    last = responses[-1]
    assert selected(llm, last) == [("weather", {"city": "Paris", "days": 2})]
    assert [block.tool_name for block in last.message.blocks if isinstance(block, ToolCallBlock)] == ["weather"]
    assert [call["function"]["name"] for call in last.message.additional_kwargs["tool_calls"]] == ["weather"]
    assert all(call.tool_id for call in llm.get_tool_calls_from_response(last))
    assert not last.message.content
    assert len(gateway.requests) == 1


@each_way
async def test_an_answer_instead_of_a_call(way, llm, gateway, api):
    gateway.replies = [scripted(api, text="No idea at all")]
    responses = await way(llm, TOOLS, "Is it sunny?")
    assert responses[-1].message.content == "No idea at all"
    assert responses[-1].message.additional_kwargs == {}
    assert selected(llm, responses[-1], error_on_no_tool_call=False) == []
    with pytest.raises(ValueError, match="Expected at least one tool call"):
        llm.get_tool_calls_from_response(responses[-1])
    if len(responses) > 1:
        assert "".join(one.delta for one in responses) == "No idea at all"


@pytest.mark.parametrize("way", [streamed, astreamed], ids=lambda way: way.__name__)
async def test_every_chunk_can_be_read_while_the_arguments_are_written(way, llm, gateway, api):
    gateway.replies = [scripted(api, PARIS)]
    responses = await way(llm, TOOLS, "Is it sunny?")
    seen = [selected(llm, one, error_on_no_tool_call=False) for one in responses]
    assert seen[0] == []
    assert [("weather", {"city": "Paris"})] in seen
    assert seen[-1] == [("weather", {"city": "Paris", "days": 2})]
    ids = {
        call.tool_id for one in responses for call in llm.get_tool_calls_from_response(one, error_on_no_tool_call=False)
    }
    assert len(ids) == 1


@each_way
async def test_several_calls(way, llm, gateway, api):
    gateway.replies = [scripted(api, PARIS, SUM)]
    responses = await way(llm, TOOLS, "Both, please", allow_parallel_tool_calls=True)
    assert selected(llm, responses[-1]) == [("weather", {"city": "Paris", "days": 2}), ("add", {"a": 1, "b": 2})]
    assert len({call.tool_id for call in llm.get_tool_calls_from_response(responses[-1])}) == 2


@pytest.mark.parametrize("way", [whole, awhole], ids=lambda way: way.__name__)
async def test_one_call_where_one_is_allowed(way, make_llm, gateway):
    gateway.replies = [scripted("v2", PARIS, SUM)]
    llm = make_llm()
    (response,) = await way(llm, TOOLS, "Both, please")
    assert gateway.last["parallel_tool_calls"] is False
    assert selected(llm, response) == [("weather", {"city": "Paris", "days": 2})]
    assert len(response.message.additional_kwargs["tool_calls"]) == 1


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, "auto"),
        ({"tool_required": True}, "required"),
        ({"tool_choice": None, "tool_required": True}, "required"),
        ({"tool_choice": "any"}, "required"),
        ({"tool_choice": "none"}, "none"),
        ({"tool_choice": "auto", "tool_required": True}, "auto"),
        ({"tool_choice": "add"}, {"type": "function", "function": {"name": "add"}}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "add"}}},
            {"type": "function", "function": {"name": "add"}},
        ),
    ],
)
@each_way
async def test_choices_over_v2(way, given, sent, make_llm, gateway):
    await way(make_llm(), TOOLS, "hi", **given)
    assert gateway.last["tool_choice"] == sent
    assert [tool["function"]["name"] for tool in gateway.last["tools"]] == ["weather", "add"]


def alternatives(schema):
    """The names of the tools that a schema allows, and whether an answer is one."""
    options = schema.get("anyOf", [schema])
    flat = [inner for one in options for inner in one.get("anyOf", [one])]
    return [one["properties"].get("name", {"enum": ["ANSWER"]})["enum"][0] for one in flat]


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        ({}, ["weather", "add", "ANSWER"]),
        ({"tool_required": True}, ["weather", "add"]),
        ({"tool_choice": "add"}, ["add"]),
    ],
)
@each_way
async def test_choices_over_v1(way, given, allowed, make_llm, gateway):
    await way(make_llm(api="v1"), TOOLS, "hi", **given)
    assert alternatives(gateway.last["guided_json"]) == allowed
    assert "Tell the weather." in gateway.last["prompt"]
    assert not gateway.last.get("stop_sequences"), "JSON ends by itself, and may hold such a string"


async def test_no_calls_over_v1(make_llm, gateway):
    make_llm(api="v1").chat_with_tools(TOOLS, "hi", tool_choice="none")
    assert "guided_json" not in gateway.last
    with pytest.raises(ValueError, match="there is no tool 'other' among weather, add"):
        make_llm(api="v1").chat_with_tools(TOOLS, "hi", tool_choice="other")


@each_way
async def test_without_tools_nothing_is_said_of_them(way, llm, gateway):
    await way(llm, [], "hi", tool_required=True)
    assert not {"tools", "tool_choice", "parallel_tool_calls", "guided_json"} & gateway.last.keys()


@each_way
async def test_the_history_stays_as_it_is(way, llm, gateway):
    history = [ChatMessage(role="system", content="Be brief"), ChatMessage(role="user", content="Hello")]
    before = [message.model_copy(deep=True) for message in history]
    await way(llm, TOOLS, "Is it sunny?", chat_history=history)
    assert history == before
    assert "Is it sunny?" in gateway.prompt
    assert "Hello" in gateway.prompt


BROKEN = ["", "{", '{"city"', '{"city": "Par', "[1]", "null", "weather", '{"city": "Paris"}}']


@pytest.mark.parametrize("arguments", BROKEN)
@each_way
async def test_arguments_that_are_no_json_raise_nothing(way, arguments, make_llm, gateway):
    gateway.replies = [said(calls=[("weather", arguments)])]
    llm = make_llm()
    for response in await way(llm, TOOLS, "hi"):
        for call in llm.get_tool_calls_from_response(response, error_on_no_tool_call=False):
            assert isinstance(call.tool_kwargs, dict)


@each_way
async def test_a_call_that_was_cut_off_is_not_one_of_the_tool(way, llm, gateway, api):
    """Half a name of a city is another city, and no city at all may be a default."""
    cut = '{"city": "Par'
    gateway.replies = [
        said(calls=[("weather", cut)], finish_reason="length")
        if api == "v2"
        else said(f'{{"name": "weather", "arguments": {cut}')
    ]
    last = (await way(llm, TOOLS, "hi"))[-1]
    ((name, arguments),) = selected(llm, last, error_on_no_tool_call=False)
    assert name.startswith("weather (not called. ")
    assert arguments == {}
    with pytest.raises(ToolCallError, match="The call of weather was not made") as caught:
        llm.get_tool_calls_from_response(last)
    assert cut in caught.value.body["function"]["arguments"]
    (call,) = [block for block in last.message.blocks if isinstance(block, ToolCallBlock)]
    assert cut in call.tool_kwargs


@each_way
async def test_what_was_cut_off_before_its_name_is_text(way, make_llm, gateway):
    gateway.replies = [said('{"na')]
    assert (await way(make_llm(api="v1"), TOOLS, "hi"))[-1].message.content == '{"na'


def test_a_structured_answer_beside_tools_over_v1(make_llm, gateway):
    gateway.replies = [said('{"answer": {"degrees": 3}}')]
    schema = {"type": "object", "properties": {"degrees": {"type": "integer"}}, "required": ["degrees"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "degrees", "schema": schema}}
    response = make_llm(api="v1").chat_with_tools(TOOLS, "hi", response_format=wanted)
    assert json.loads(response.message.content) == {"degrees": 3}
    assert gateway.last["guided_json"]["anyOf"][-1]["properties"]["answer"] == schema


def test_calls_and_results_go_back_as_they_came(make_llm, gateway):
    llm = make_llm()
    gateway.replies = [said("Let me see", calls=[PARIS])]
    response = llm.chat_with_tools(TOOLS, "Is it sunny?")
    result = ChatMessage(role=MessageRole.TOOL, content="Sunny", additional_kwargs={"tool_call_id": "call-0"})
    llm.chat_with_tools(TOOLS, chat_history=[*chat_of("Is it sunny?"), response.message, result])
    _, asked, answered = gateway.last["messages"]
    call = {"id": "call-0", "type": "function", "function": {"name": PARIS[0], "arguments": PARIS[1]}}
    assert asked == {"role": "assistant", "content": "Let me see", "tool_calls": [call]}
    assert answered == {"role": "tool", "content": "Sunny", "tool_call_id": "call-0"}


def test_calls_and_results_over_v1_are_told_in_words(make_llm, gateway):
    llm = make_llm(api="v1")
    gateway.replies = [scripted("v1", PARIS)]
    response = llm.chat_with_tools(TOOLS, "Is it sunny?")
    name = llm.get_tool_calls_from_response(response)[0].tool_id
    result = ChatMessage(role=MessageRole.TOOL, content="Sunny", additional_kwargs={"tool_call_id": name})
    llm.chat_with_tools(TOOLS, chat_history=[*chat_of("Is it sunny?"), response.message, result])
    assert 'assistant: {"name": "weather", "arguments": {"city": "Paris", "days": 2}}' in gateway.prompt
    assert "user: Result of weather: Sunny" in gateway.prompt


def test_calls_that_older_code_keeps_beside_the_message(make_llm, gateway):
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    old = ChatMessage(role="assistant", content=None, additional_kwargs={"tool_calls": [call]})
    make_llm().chat([*chat_of("hi"), old])
    assert gateway.last["messages"][1] == {"role": "assistant", "tool_calls": [call]}


@pytest.mark.parametrize("parallel", [False, True])
def test_predict_and_call(llm, gateway, api, parallel):
    gateway.replies = [scripted(api, PARIS)]
    answer = llm.predict_and_call(TOOLS, "Is it sunny?", allow_parallel_tool_calls=parallel)
    assert answer.response == "Sunny in Paris for 2 days"
    assert [source.tool_name for source in answer.sources] == ["weather"]


async def test_predict_and_call_awaited_with_a_tool_that_fails(llm, gateway, api):
    broken = ("weather", '{"town": "Paris"}')
    gateway.replies = [scripted(api, broken), scripted(api, broken), scripted(api, text="No")]
    answer = await llm.apredict_and_call(TOOLS, "Is it sunny?")
    assert answer.sources[0].is_error
    with pytest.raises(ValueError, match="town"):
        await llm.apredict_and_call(TOOLS, "Is it sunny?", error_on_tool_error=True)
    with pytest.raises(ValueError, match="Expected at least one tool call"):
        await llm.apredict_and_call(TOOLS, "Is it sunny?")


def test_a_long_description_is_no_error(make_llm, gateway):
    tool = FunctionTool.from_defaults(add, description="Adds. " * 400)
    make_llm().chat_with_tools([tool], "hi")
    assert len(gateway.last["tools"][0]["function"]["description"]) == len("Adds. " * 400)
