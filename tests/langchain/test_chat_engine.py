"""Chats with the embedded engine's real model, over both routes."""

from __future__ import annotations

import asyncio
from functools import reduce
from operator import add
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from llmengine_integrations import errors
from llmengine_integrations.langchain import ChatLLMEngine

from . import chat_calls as calls

pytestmark = pytest.mark.engine
pytest.importorskip("torch")

TEXT = (Path(__file__).parents[2] / "cookbook" / "data" / "llm_engine.txt").read_text(encoding="utf-8")
ANSWERS = {"When was Scale AI founded?": "2016", "On which port does the embedded engine listen?": "5005"}


def template() -> str:
    """The default model's own, without the token that the completion route adds itself."""
    from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH  # noqa: PLC0415 - needs torch

    return (DEFAULT_MODEL_PATH / "chat_template.jinja").read_text(encoding="utf-8").replace("<|begin|>", "")


@pytest.fixture(params=["v2", "v1"])
def chat(engine, request):
    fields = {"chat_template": template()} if request.param == "v1" else {}
    return ChatLLMEngine(
        model="llmengine-tiny",
        base_url=engine.base_url,
        api_key=engine.api_key,
        temperature=0,
        max_tokens=64,
        api=request.param,
        **fields,
    )


@tool
def get_weather(location: str) -> str:
    """Get the weather at a location."""
    return f"It's sunny in {location}."


@pytest.mark.parametrize("call", calls.ALL)
async def test_answers(chat, call):
    found = await call(chat, "Hello")
    assert "Hello" in found.content
    assert found.response_metadata["finish_reason"] == "stop"
    assert found.usage_metadata["total_tokens"] > found.usage_metadata["output_tokens"] > 0


def test_both_routes_ask_the_model_the_same(engine):
    settings = {"model": "llmengine-tiny", "base_url": engine.base_url, "api_key": engine.api_key, "temperature": 0}
    v2 = ChatLLMEngine(**settings, max_tokens=24, logprobs=True)
    v1 = ChatLLMEngine(**settings, max_tokens=24, logprobs=True, api="v1", chat_template=template())
    one, other = v2.invoke("Hello"), v1.invoke("Hello")
    assert one.content == other.content
    assert one.usage_metadata == other.usage_metadata
    tokens = [[t["token"] for t in found.response_metadata["logprobs"]["content"]] for found in (one, other)]
    assert tokens[0] == tokens[1]


def test_a_stream_says_what_the_whole_says(chat):
    whole, streamed = chat.invoke("Hello", logprobs=True), reduce(add, chat.stream("Hello", logprobs=True))
    assert streamed.content == whole.content
    assert streamed.usage_metadata == whole.usage_metadata
    assert set(streamed.response_metadata) == set(whole.response_metadata)
    values = [[t["logprob"] for t in one.response_metadata["logprobs"]["content"]] for one in (whole, streamed)]
    assert values[0] == pytest.approx(values[1], abs=1e-3)


@pytest.mark.parametrize("call", calls.BOTH)
async def test_a_tool_and_its_result(chat, call):
    bound = chat.bind_tools([get_weather], tool_choice="get_weather", parallel_tool_calls=False)
    asked = HumanMessage("What is the weather in Boston?")
    made = await call(bound, [asked])
    (one,) = made.tool_calls
    assert (one["name"], set(one["args"])) == ("get_weather", {"location"})
    result = get_weather.invoke(one)
    assert isinstance(result, ToolMessage)
    assert (await call(chat, [asked, made, result])).content


class City(BaseModel):
    """A city."""

    name: str
    country: str


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
async def test_structured_output(chat, method):
    structured = chat.with_structured_output(City, method=method)
    assert isinstance(structured.invoke("Rome is in Italy."), City)
    assert isinstance(await structured.ainvoke("Rome is in Italy."), City)
    *_, last = structured.stream("Rome is in Italy.")
    assert isinstance(last, City)


async def test_many_at_once(chat):
    questions = list(ANSWERS) * 3
    found = await asyncio.gather(
        *(chat.ainvoke(f"Context: {TEXT}\n\nQuestion: {question}\nAnswer:") for question in questions)
    )
    assert [ANSWERS[question] in one.content for question, one in zip(questions, found, strict=True)] == [True] * 6


def test_what_the_engine_refuses(chat):
    with pytest.raises(errors.ValidationError, match="temperature"):
        chat.invoke("hi", temperature=3)
    with pytest.raises(errors.NotFoundError):
        chat.invoke("hi", model="no-such-model")


def get_stock_price(symbol: str) -> str:
    """Get the price of a stock."""
    return "17"


def test_an_agent_with_two_tools(engine):
    """Streamed, as LangGraph runs it: the right tool is called, and its result becomes the answer."""
    agents = pytest.importorskip("langchain.agents")
    chat = ChatLLMEngine(
        model="llmengine-tiny", base_url=engine.base_url, api_key=engine.api_key, temperature=0, max_tokens=60
    )
    agent = agents.create_agent(chat, [get_weather, get_stock_price])
    asked = {"messages": [("user", "What's the weather like in Boston?")]}
    steps, tokens = [], []
    for mode, found in agent.stream(asked, {"recursion_limit": 8}, stream_mode=["updates", "messages"]):
        (steps if mode == "updates" else tokens).append(found)
    called, result, answer = (message for step in steps for state in step.values() for message in state["messages"])
    assert [call["name"] for call in called.tool_calls] == ["get_weather"]
    assert "sunny" in result.content
    assert answer.content
    assert "".join(chunk.text for chunk, _ in tokens if chunk.type == "AIMessageChunk") == answer.content
