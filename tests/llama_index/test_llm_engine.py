"""The embedded engine answers: a real model over both routes, through LlamaIndex's own components."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.prompts import PromptTemplate
from llama_index.core.query_engine import CitationQueryEngine
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from llmengine_integrations import Client, errors
from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH
from llmengine_integrations.llama_index import LLMEngine

from .endpoints import ALL, STREAMS, by_name, chat_of, text_of

pytestmark = pytest.mark.engine
pytest.importorskip("torch")

TEMPLATE = {"chat_template": (DEFAULT_MODEL_PATH / "chat_template.jinja").read_text(), "bos_token": "<|begin|>"}
ROUTES = {"v2": {}, "v1": {"api": "v1", "is_function_calling_model": True, **TEMPLATE}}
QUESTION = "Hello!"
ANSWER = "Hello! How can I help you?"


@pytest.fixture(scope="module", params=ROUTES)
def llm(request, engine):
    settings = {"base_url": engine.base_url, "api_key": engine.api_key, "temperature": 0, "max_new_tokens": 64}
    return LLMEngine.from_endpoint("llama-2-7b", **settings, **ROUTES[request.param])


@pytest.fixture
def counter(llm):
    counter = TokenCountingHandler()
    llm.callback_manager = CallbackManager([counter])
    return counter


@pytest.mark.parametrize("call", ALL, ids=by_name)
async def test_answers_counts_and_log_probabilities(call, llm, counter, engine):
    responses = await call(llm, QUESTION, logprobs=True)
    last = responses[-1]
    assert text_of(last) == ANSWER
    places = [place for response in responses for place in response.logprobs or []]
    assert all(place[0].logprob <= 0 for place in places)
    usage = last.raw["usage"]
    assert usage["completion_tokens"] == len(places)
    assert (counter.prompt_llm_token_count, counter.completion_llm_token_count) == (
        usage["prompt_tokens"],
        usage["completion_tokens"],
    )
    with Client(base_url=engine.base_url, api_key=engine.api_key) as client:
        counted = client.chat.create("llama-2-7b", [{"role": "user", "content": QUESTION}], max_tokens=1).usage
    assert usage["prompt_tokens"] == counted.prompt_tokens, "the prompt made here is the server's own"


@pytest.mark.parametrize("call", STREAMS, ids=by_name)
async def test_streams_say_what_whole_replies_say(call, llm):
    responses = await call(llm, QUESTION)
    assert len(responses) > 2
    assert text_of(responses[-1]) == ANSWER
    assert "".join(response.delta for response in responses) == text_of(responses[-1])


@pytest.mark.parametrize("call", ALL, ids=by_name)
async def test_raw_prompts_stop_strings_and_limits(call, llm):
    formatted = {"formatted": True} if "complete" in call.__name__ else {}
    *_, whole = await call(llm, QUESTION, max_tokens=8, **formatted)
    stop = text_of(whole)[3:5]
    *_, last = await call(llm, QUESTION, stop=[stop], **formatted)
    assert text_of(last) == text_of(whole).partition(stop)[0]
    *_, last = await call(llm, QUESTION, max_tokens=1, **formatted)
    assert last.raw["usage"]["completion_tokens"] == 1
    assert last.additional_kwargs["finish_reason"] == "length"


async def test_the_endpoint_tells_the_context_window(engine):
    settings = {"base_url": engine.base_url, "api_key": engine.api_key}
    assert LLMEngine.from_endpoint("llama-2-7b", **settings).metadata.context_window == 2048
    assert (await LLMEngine.afrom_endpoint("llama-2-7b", **settings)).metadata.context_window == 2048
    with pytest.raises(errors.NotFoundError):
        LLMEngine.from_endpoint("no-such-model", **settings)


def test_a_wrong_option_is_the_servers_to_refuse(llm):
    with pytest.raises(errors.ValidationError, match="temperature"):
        llm.chat(chat_of("hi"), temperature=5)


# Tools


def get_current_weather(location: str) -> str:
    """Get the current weather in a given location."""
    return f"It is 17 degrees and sunny in {location}."


def get_stock_price(symbol: str) -> str:
    """Get the current price of a stock."""
    return f"The price of {symbol} is 42 dollars."


TOOLS = [FunctionTool.from_defaults(tool) for tool in (get_current_weather, get_stock_price)]
WEATHER = ("get_current_weather", {"location": "Boston"})


def selected(llm, response):
    return [(call.tool_name, call.tool_kwargs) for call in llm.get_tool_calls_from_response(response)]


@pytest.mark.parametrize("given", [{}, {"tool_required": True}, {"tool_choice": "get_current_weather"}])
async def test_the_model_calls_a_tool(llm, given):
    asked = "What is the weather in Boston?"
    assert selected(llm, llm.chat_with_tools(TOOLS, asked, **given)) == [WEATHER]
    assert selected(llm, await llm.achat_with_tools(TOOLS, asked, **given)) == [WEATHER]
    *_, last = llm.stream_chat_with_tools(TOOLS, asked, **given)
    assert selected(llm, last) == [WEATHER]
    *_, last = [one async for one in await llm.astream_chat_with_tools(TOOLS, asked, **given)]
    assert selected(llm, last) == [WEATHER]


def test_a_forced_tool_is_called_whatever_was_asked(llm):
    ((name, arguments),) = selected(llm, llm.chat_with_tools(TOOLS, "Hello!", tool_choice="get_stock_price"))
    assert name == "get_stock_price"
    assert list(arguments) == ["symbol"]


def test_predict_and_call(llm):
    answer = llm.predict_and_call(TOOLS, "What is the weather in Boston?")
    assert answer.response == "It is 17 degrees and sunny in Boston."


@pytest.mark.parametrize("kind", [FunctionAgent, AgentWorkflow])
async def test_agents_reach_their_answer(engine, kind):
    llm = LLMEngine.from_endpoint("llama-2-7b", base_url=engine.base_url, api_key=engine.api_key, temperature=0)
    agent = (
        FunctionAgent(tools=TOOLS, llm=llm) if kind is FunctionAgent else kind.from_tools_or_functions(TOOLS, llm=llm)
    )
    assert "17 degrees" in str(await agent.run("What is the weather in Boston?"))


# Structured output


class Person(BaseModel):
    name: str
    age: int


PROMPT = PromptTemplate("Extract the name and the age as JSON: {text}")
MARIA, TEXT = Person(name="Maria Lopez", age=34), "Maria Lopez is 34 years old."


async def test_structured_output(llm):
    assert llm.structured_predict(Person, PROMPT, text=TEXT) == MARIA
    assert await llm.astructured_predict(Person, PROMPT, text=TEXT) == MARIA
    grown = list(llm.stream_structured_predict(Person, PROMPT, text=TEXT))
    assert grown[-1] == MARIA
    assert len(grown) > 3
    assert [one async for one in await llm.astream_structured_predict(Person, PROMPT, text=TEXT)][-1] == MARIA


# Questions about documents


class Letters(BaseEmbedding):
    """Which words a text has, told apart by their first three letters."""

    def _get_text_embedding(self, text):
        words = [word.strip(".,?").lower()[:3] for word in text.split() if len(word) > 3]
        return [float(sum(hash_of(word) == place for word in words)) for place in range(512)]

    _get_query_embedding = _get_text_embedding

    async def _aget_query_embedding(self, query):
        return self._get_text_embedding(query)


def hash_of(word):
    return int.from_bytes(word.encode(), "big") % 509


TEXTS = [
    "The lighthouse of Marven was built in 1874.",
    "The museum of Marven costs 12 euros.",
    "The lake of Orlin is 62 metres deep.",
]


@pytest.fixture(scope="module")
def index():
    return VectorStoreIndex.from_documents([Document(text=text) for text in TEXTS], embed_model=Letters())


async def test_queries(llm, index):
    engine = index.as_query_engine(llm=llm, similarity_top_k=1)
    answer = engine.query("When was the lighthouse of Marven built?")
    assert "1874" in str(answer)
    assert [node.text for node in answer.source_nodes] == TEXTS[:1]
    assert "1874" in str(await engine.aquery("When was the lighthouse of Marven built?"))
    streaming = index.as_query_engine(llm=llm, similarity_top_k=1, streaming=True)
    assert "1874" in "".join(streaming.query("When was the lighthouse of Marven built?").response_gen)
    streamed = await streaming.aquery("When was the lighthouse of Marven built?")
    assert "1874" in "".join([text async for text in streamed.response_gen])


def test_citations_are_numbered_passages(llm, index):
    template = PromptTemplate("Context: {context_str}\n\nQuestion: {query_str}\nAnswer:")
    engine = CitationQueryEngine.from_args(index, llm=llm, similarity_top_k=1, citation_qa_template=template)
    answer = engine.query("When was the lighthouse of Marven built?")
    assert "1874" in str(answer)
    assert answer.source_nodes[0].node.get_content().startswith("Source 1:")


async def test_a_chat_engine_remembers(llm, index):
    chat = index.as_chat_engine(llm=llm, chat_mode="context", similarity_top_k=1)
    assert "1874" in str(chat.chat("When was the lighthouse built?"))
    "".join(chat.stream_chat("My name is Priscilla.").response_gen)
    assert "Priscilla" in str(await chat.achat("What is my name?"))


def test_one_model_in_many_event_loops(llm):
    for _ in range(2):
        assert asyncio.run(llm.acomplete(QUESTION)).text == ANSWER


async def test_many_questions_at_once(llm):
    answers = await asyncio.gather(*(llm.achat([ChatMessage(content=QUESTION)]) for _ in range(8)))
    assert [answer.message.content for answer in answers] == [ANSWER] * 8
