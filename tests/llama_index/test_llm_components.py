"""Which endpoints LlamaIndex's own components call, for chat models and for models that only complete."""

from __future__ import annotations

import json

import pytest
from llama_index.core import Document, MockEmbedding, SummaryIndex, VectorStoreIndex
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.evaluation import FaithfulnessEvaluator
from llama_index.core.extractors import TitleExtractor
from llama_index.core.indices.list.base import ListRetrieverMode
from llama_index.core.memory import ChatSummaryMemoryBuffer
from llama_index.core.postprocessor import LLMRerank
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.schema import NodeWithScore, TextNode
from pydantic import BaseModel

from .gateway import said

TEXTS = ["The lake is blue", "The hill is green"]
WHOLE, STREAMED = {True: "completions", False: "completions-sync"}, {True: "completions", False: "completions-stream"}


class Colour(BaseModel):
    name: str


@pytest.fixture(params=[True, False], ids=["chat model", "completion model"])
def chats(request):
    return request.param


@pytest.fixture
def llm(make_llm, chats):
    return make_llm(is_chat_model=chats)


@pytest.fixture
def index():
    return SummaryIndex.from_documents([Document(text=text) for text in TEXTS])


def route(gateway, chats, *, streamed=False):
    """Every request went to the route that this kind of model has, asked for in the right way."""
    expected = (STREAMED if streamed else WHOLE)[chats]
    assert set(gateway.routes) == {expected}
    if chats:
        assert all(bool(request.get("stream")) is streamed for request in gateway.requests)
    return len(gateway.requests)


@pytest.mark.parametrize(
    ("mode", "requests"),
    [
        (ResponseMode.COMPACT, 1),
        (ResponseMode.TREE_SUMMARIZE, 1),
        (ResponseMode.SIMPLE_SUMMARIZE, 1),
        (ResponseMode.GENERATION, 1),
        (ResponseMode.REFINE, 2),
        (ResponseMode.COMPACT_ACCUMULATE, 1),
        (ResponseMode.ACCUMULATE, 2),
    ],
)
async def test_queries(llm, chats, gateway, index, mode, requests):
    engine = index.as_query_engine(llm=llm, response_mode=mode)
    assert "You said" in str(engine.query("Which colour?"))
    assert route(gateway, chats) == requests
    gateway.requests.clear()
    assert "You said" in str(await engine.aquery("Which colour?"))
    assert route(gateway, chats) == requests
    if mode != ResponseMode.GENERATION:
        assert any("The lake is blue" in str(request) for request in gateway.requests)


@pytest.mark.parametrize("mode", [ResponseMode.COMPACT, ResponseMode.REFINE, ResponseMode.TREE_SUMMARIZE])
async def test_streamed_queries(llm, chats, gateway, index, mode):
    engine = index.as_query_engine(llm=llm, response_mode=mode, streaming=True)
    answer = "".join(engine.query("Which colour?").response_gen)
    assert answer.startswith("You said")
    last = gateway.requests[-1]
    assert last["route"] == STREAMED[chats]
    assert bool(last.get("stream")) is chats
    streamed = await engine.aquery("Which colour?")
    assert "".join([text async for text in streamed.response_gen]).startswith("You said")


@pytest.mark.parametrize("mode", ["simple", "context", "condense_question", "condense_plus_context"])
async def test_chat_engines(llm, chats, gateway, mode):
    index = VectorStoreIndex.from_documents(
        [Document(text=text) for text in TEXTS], embed_model=MockEmbedding(embed_dim=8)
    )
    engine = (
        SimpleChatEngine.from_defaults(llm=llm) if mode == "simple" else index.as_chat_engine(llm=llm, chat_mode=mode)
    )
    assert "You said" in str(engine.chat("Which colour?"))
    text = "".join(engine.stream_chat("And now?").response_gen)
    assert text.startswith("You said")
    assert "You said" in str(await engine.achat("And then?"))
    streamed = await engine.astream_chat("And at last?")
    assert "".join([text async for text in streamed.async_response_gen()]).startswith("You said")
    assert engine.chat_history[3].content == text.strip(), "what was streamed is in the memory as it was"
    assert "Which colour?" in str(gateway.last), "the memory goes along"


@pytest.mark.parametrize("streaming", [True, False])
async def test_an_agent_that_calls_functions(make_llm, gateway, streaming):
    def colour_of(thing: str) -> str:
        """Tell the colour of a thing."""
        return f"{thing}: blue"

    gateway.replies = [said(calls=[("colour_of", '{"thing": "lake"}')]), said("The lake is blue")]
    agent = FunctionAgent(tools=[colour_of], llm=make_llm(), streaming=streaming)
    assert str(await agent.run("Which colour is the lake?")) == "The lake is blue"
    assert [bool(request.get("stream")) for request in gateway.requests] == [streaming, streaming]
    assert gateway.last["messages"][-1] == {"role": "tool", "content": "lake: blue", "tool_call_id": "call-0"}


async def test_an_agent_that_calls_functions_over_v1(make_llm, gateway):
    def colour_of(thing: str) -> str:
        """Tell the colour of a thing."""
        return f"{thing}: blue"

    gateway.replies = [
        said('{"name": "colour_of", "arguments": {"thing": "lake"}}'),
        said('{"answer": "The lake is blue"}'),
    ]
    agent = FunctionAgent(tools=[colour_of], llm=make_llm(api="v1", is_function_calling_model=True))
    assert str(await agent.run("Which colour is the lake?")) == "The lake is blue"
    assert "lake: blue" in gateway.last["prompt"]


async def test_an_agents_first_tool_and_its_structured_output(make_llm, gateway):
    def colour_of(thing: str) -> str:
        """Tell the colour of a thing."""
        return f"{thing}: blue"

    gateway.replies = [
        said(calls=[("colour_of", '{"thing": "lake"}')]),
        said("The lake is blue"),
        said('{"name": "blue"}'),
    ]
    agent = FunctionAgent(tools=[colour_of], llm=make_llm(), initial_tool_choice="colour_of", output_cls=Colour)
    done = await agent.run("Which colour is the lake?")
    assert done.get_pydantic_model(Colour) == Colour(name="blue")
    first, second, third = gateway.requests
    assert first["tool_choice"] == {"type": "function", "function": {"name": "colour_of"}}
    assert second["tool_choice"] == "auto"
    assert third["response_format"]["json_schema"]["schema"] == Colour.model_json_schema()


REACT = [
    "Thought: I need to use a tool.\nAction: colour_of\nAction Input: " + json.dumps({"thing": "lake"}),
    "Thought: I can answer without using any more tools.\nAnswer: The lake is blue",
]


@pytest.mark.parametrize("streaming", [True, False])
async def test_an_agent_that_reasons_in_text(llm, gateway, streaming):
    """It chats, with completion models too."""

    def colour_of(thing: str) -> str:
        """Tell the colour of a thing."""
        return f"{thing}: blue"

    gateway.replies = [said(text) for text in REACT]
    agent = ReActAgent(tools=[colour_of], llm=llm, streaming=streaming)
    assert str(await agent.run("Which colour is the lake?")) == "The lake is blue"
    assert set(gateway.routes) == {"completions"}
    assert "Observation: lake: blue" in str(gateway.last["messages"])


async def test_a_workflow_picks_the_kind_of_agent(make_llm, gateway, chats):
    def colour_of(thing: str) -> str:
        """Tell the colour of a thing."""
        return f"{thing}: blue"

    gateway.replies = [said(calls=[("colour_of", '{"thing": "lake"}')]), said("The lake is blue")] if chats else [
        said(text) for text in REACT]  # fmt: skip
    workflow = AgentWorkflow.from_tools_or_functions([colour_of], llm=make_llm(is_chat_model=chats))
    assert str(await workflow.run("Which colour is the lake?")) == "The lake is blue"
    assert ("tools" in gateway.last) is chats


async def test_a_workflow_of_two_agents_hands_over(make_llm, gateway):
    def colour_of(thing: str) -> str:
        """Tell the colour of a thing."""
        return f"{thing}: blue"

    gateway.replies = [
        said(calls=[("handoff", '{"to_agent": "painter", "reason": "colours"}')]),
        said(calls=[("colour_of", '{"thing": "lake"}')]),
        said("The lake is blue"),
    ]
    llm = make_llm()
    host = FunctionAgent(name="host", description="Welcomes", llm=llm, tools=[], can_handoff_to=["painter"])
    painter = FunctionAgent(name="painter", description="Knows colours", llm=llm, tools=[colour_of])
    workflow = AgentWorkflow(agents=[host, painter], root_agent="host")
    assert str(await workflow.run("Which colour is the lake?")) == "The lake is blue"
    assert len(gateway.requests) == 3


def test_query_with_an_output_class(llm, gateway, index):
    gateway.replies = [said('{"name": "blue"}')]
    answer = index.as_query_engine(llm=llm, output_cls=Colour, response_mode="tree_summarize").query("Which colour?")
    assert answer.response == Colour(name="blue")
    assert len(gateway.requests) == 1


def test_fusion_of_queries(llm, gateway, index):
    retriever = QueryFusionRetriever([index.as_retriever()], llm=llm, num_queries=2, use_async=False)
    gateway.replies = [said("lake colour\nhill colour")]
    assert {node.text for node in retriever.retrieve("Which colour?")} == set(TEXTS)
    assert len(gateway.requests) == 1


def test_the_model_as_retriever_and_reranker(llm, chats, gateway, index):
    gateway.replies = [said("Doc: 2, Relevance: 9")]
    retriever = index.as_retriever(retriever_mode=ListRetrieverMode.LLM, llm=llm)
    assert [node.text for node in retriever.retrieve("Which is green?")] == [TEXTS[1]]
    gateway.replies = [said("Doc: 2, Relevance: 9")]
    nodes = [NodeWithScore(node=TextNode(text=text)) for text in TEXTS]
    assert [node.text for node in LLMRerank(llm=llm, top_n=1).postprocess_nodes(nodes, query_str="green?")] == [
        TEXTS[1]
    ]
    assert route(gateway, chats) == 2


async def test_evaluators_extractors_and_summaries(llm, chats, gateway):
    gateway.replies = [said("YES")]
    result = await FaithfulnessEvaluator(llm=llm).aevaluate(response="The lake is blue", contexts=TEXTS)
    assert result.passing
    titles = await TitleExtractor(llm=llm, nodes=1).aextract([TextNode(text=TEXTS[0])])
    assert titles[0]["document_title"].startswith("You said")
    gateway.requests.clear()
    memory = ChatSummaryMemoryBuffer.from_defaults(llm=llm, token_limit=20)
    for number in range(12):
        memory.put(ChatMessage(role="user" if number % 2 == 0 else "assistant", content=f"Message {number} of many"))
    memory.get()
    assert gateway.requests, "older messages are summarized by the model"


def test_synthesizers_do_not_change_the_model(llm, gateway):
    before = llm.to_dict()
    get_response_synthesizer(llm=llm).synthesize("?", nodes=[NodeWithScore(node=TextNode(text=TEXTS[0]))])
    assert llm.to_dict() == before
