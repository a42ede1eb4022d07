"""The chat model as LangChain's other parts see it: caches, traces, configurable fields, fallbacks, agents' profile, rate limits."""

from __future__ import annotations

import copy
import pickle
from functools import reduce
from operator import add

import httpx
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.exceptions import ModelNotFoundError
from langchain_core.globals import set_llm_cache
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import ConfigurableField

from llmengine_integrations import Client
from llmengine_integrations.langchain import ChatLLMEngine

from . import chat_calls as calls
from .chat_gateway import choice, message, reply

ASKED_OTHERWISE = [
    {"temperature": 1.0},
    {"max_tokens": 1},
    {"stop": ["said"]},
    {"model": "other"},
    {"logprobs": True},
    {"top_k": 3},
    {"seed": 1},
    {"guided_choice": ["a", "b"]},
    {"user": "me"},
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
    {"response_format": {"type": "json_object"}},
]


@pytest.fixture
def cache():
    cache = InMemoryCache()
    set_llm_cache(cache)
    yield cache
    set_llm_cache(None)


@pytest.mark.usefixtures("cache")
class TestCache:
    @pytest.mark.parametrize("call", calls.WHOLE)
    async def test_the_same_question_is_asked_once(self, chat, chat_gateway, call):
        assert (await call(chat, "x")).content == (await call(chat, "x")).content
        assert len(chat_gateway.requests) == 1

    @pytest.mark.parametrize("options", ASKED_OTHERWISE, ids=lambda options: next(iter(options)))
    @pytest.mark.parametrize("call", calls.WHOLE)
    async def test_options_of_a_call_are_part_of_the_key(self, chat, chat_gateway, call, options):
        await call(chat, "x")
        first = await call(chat, "x", **options)
        assert len(chat_gateway.requests) == 2
        assert (await call(chat, "x", **options)).content == first.content
        assert len(chat_gateway.requests) == 2

    @pytest.mark.parametrize(
        "fields",
        [{"model": "n"}, {"temperature": 0.0}, {"stop": ["A"]}, {"max_tokens": 2}, {"model_kwargs": {"user": "me"}}],
        ids=lambda fields: next(iter(fields)),
    )
    def test_fields_are_part_of_the_key(self, make_chat, chat_gateway, fields):
        make_chat().invoke("x")
        make_chat(**fields).invoke("x")
        assert len(chat_gateway.requests) == 2

    def test_a_field_that_has_changed_is_part_of_the_key(self, chat, chat_gateway):
        chat.invoke("x")
        chat.temperature = 0.7
        chat.invoke("x")
        assert len(chat_gateway.requests) == 2

    async def test_names_and_ways_do_not_matter(self, chat, chat_gateway):
        await calls.invoke(chat, "x", max_tokens=2)
        await calls.ainvoke(chat, "x", max_completion_tokens=2)
        chat.invoke("x", max_new_tokens=2, timeout=5)
        assert len(chat_gateway.requests) == 1

    def test_the_server_and_the_prompts_maker_are_part_of_the_key(self, chat_gateway):
        with chat_gateway.served() as one, chat_gateway.served() as other:
            ChatLLMEngine(model="m", base_url=one).invoke("x")
            ChatLLMEngine(model="m", base_url=other).invoke("x")
            ChatLLMEngine(model="m", base_url=one, api="v1", formatter=lambda messages: f"1 {messages}").invoke("x")
            ChatLLMEngine(model="m", base_url=one, api="v1", formatter=lambda messages: f"2 {messages}").invoke("x")
        assert len(chat_gateway.requests) == 4

    def test_what_a_formatter_does_with_instructions_is_part_of_the_key(self, make_chat, chat_gateway):
        def refusing(messages):
            return str([turn["content"] for turn in messages if turn["role"] != "system" or 1 / 0])

        def deaf(messages):
            return str([turn["content"] for turn in messages if turn["role"] != "system"])

        def hearing(messages):
            return str([turn["content"] for turn in messages])

        for formatter in (refusing, deaf, hearing):
            make_chat(api="v1", formatter=formatter).invoke("x")
            make_chat(api="v1", formatter=formatter).invoke("x")
        assert len(chat_gateway.requests) == 3


@pytest.mark.parametrize("call", calls.ALL)
async def test_traces_show_what_was_asked(make_chat, call):
    from langchain_core.callbacks import BaseCallbackHandler  # noqa: PLC0415 - one test's own

    class Started(BaseCallbackHandler):
        def on_chat_model_start(self, serialized, messages, *, metadata=None, **kwargs):
            self.metadata, self.params = metadata, kwargs["invocation_params"]

    handler = Started()
    await call(
        make_chat(max_tokens=9, temperature=0.5, stop=["A"]), "x", config={"callbacks": [handler]}, model="other"
    )
    expected = {"ls_provider": "llmengine", "ls_model_type": "chat", "ls_model_name": "other", "ls_temperature": 0.5}
    expected |= {"ls_max_tokens": 9, "ls_stop": ["A"]}
    assert expected.items() <= handler.metadata.items()
    assert handler.params["max_new_tokens"] == 9
    assert handler.params["_type"] == "chat-llmengine"


def test_configurable_fields_share_the_connections(chat_gateway):
    with chat_gateway.served() as base_url:
        chat = ChatLLMEngine(model="m", base_url=base_url)
        configurable = chat.configurable_fields(temperature=ConfigurableField("t"), model=ConfigurableField("model"))
        configurable.invoke("x", {"configurable": {"t": 0.9, "model": "n"}})
        assert (chat_gateway.last["temperature"], chat_gateway.last["model"]) == (0.9, "n")
        prepared, _ = configurable.prepare({"configurable": {"t": 0.9}})
        assert prepared.connection is chat.connection


def test_fallbacks(make_chat, chat_gateway):
    chat_gateway.refuse = lambda body: httpx.Response(404, json={"detail": "none"}) if body["model"] == "gone" else None
    chain = make_chat(model="gone").with_fallbacks([make_chat()], exceptions_to_handle=(ModelNotFoundError,))
    assert chain.invoke("x").content == " You said: x"


def test_streams_are_tried_again_by_the_client(make_chat, chat_gateway):
    """`with_retry` of LangChain does not retry streams."""
    replies = iter([httpx.Response(503), httpx.Response(429, headers={"retry-after": "0"})])
    chat_gateway.refuse = lambda body: next(replies, None)
    assert reduce(add, make_chat(max_retries=2).stream("x")).content == " You said: x"
    assert len(chat_gateway.requests) == 3


@pytest.mark.parametrize("call", [calls.invoke, calls.ainvoke, calls.stream, calls.astream])
async def test_rate_limiter(make_chat, call):
    class Limiter(BaseRateLimiter):
        count = 0

        def acquire(self, *, blocking=True):
            self.count += 1
            return True

        async def aacquire(self, *, blocking=True):
            self.count += 1
            return True

    limiter = Limiter()
    await call(make_chat(rate_limiter=limiter), "x")
    assert limiter.count == 1


def test_profile(make_chat):
    profile = make_chat().profile
    assert profile["tool_calling"]
    assert "structured_output" not in profile  # see _resolve_model_profile
    assert make_chat(profile={"max_input_tokens": 4096}).profile == {"max_input_tokens": 4096}


def test_a_chain(chat):
    chain = ChatPromptTemplate.from_messages([("system", "Be {how}."), ("human", "{text}")]) | chat
    assert chain.invoke({"how": "brief", "text": "hi"}).content == " You said: hi"
    assert [chunk.content for chunk in chain.stream({"how": "brief", "text": "hi"})] == [" You", " said:", " hi", ""]


async def test_events(chat):
    kinds = [event["event"] async for event in chat.astream_events("x", version="v2")]
    assert kinds[0] == "on_chat_model_start"
    assert kinds.count("on_chat_model_stream") == 4
    assert kinds[-1] == "on_chat_model_end"


def test_disable_streaming(make_chat, chat_gateway):
    (only,) = make_chat(disable_streaming=True).stream("x")
    assert only.content == " You said: x"
    assert "stream" not in chat_gateway.last


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda chat: chat.model_copy(deep=True)])
def test_copies_share_the_clients(chat, again):
    assert again(chat).client is chat.client
    assert again(chat).invoke("x").content == " You said: x"


def formatter(messages):
    return f"{messages} Answer:"


@pytest.mark.parametrize("fields", [{}, {"api": "v1", "formatter": formatter}])
def test_pickling(chat_gateway, fields, monkeypatch):
    with chat_gateway.served() as base_url:
        chat = ChatLLMEngine(model="m", base_url=base_url, api_key="sk-secret", stop=["A"], tags=["t"], **fields)
        chat.invoke("x")
        pickled = pickle.dumps(chat)
        assert b"sk-secret" not in pickled
        monkeypatch.setenv("SCALE_API_KEY", "sk-secret")
        again = pickle.loads(pickled)  # noqa: S301
        assert again._identifying_params == chat._identifying_params
        assert again.invoke("x").content == chat.invoke("x").content
        assert chat_gateway.headers[0]["authorization"] == chat_gateway.headers[-1]["authorization"]


def test_a_bound_model_can_be_pickled(chat_gateway):
    with chat_gateway.served() as base_url:
        bound = ChatLLMEngine(model="m", base_url=base_url).bind_tools([formatter_tool])
        assert pickle.loads(pickle.dumps(bound)).invoke("x").content == " You said: x"  # noqa: S301
        assert chat_gateway.last["tools"][0]["function"]["name"] == "formatter_tool"


def formatter_tool(text: str) -> str:
    """Format a text."""
    return text


def test_a_given_client_says_where_the_server_is():
    assert ChatLLMEngine(model="m", client=Client(base_url="http://localhost:2")).base_url == "http://localhost:2"


def test_answers_keep_their_metadata_in_a_cache(chat, cache, chat_gateway):
    chat_gateway.answers["x"] = lambda body: reply(choice(message("hi")))
    first, second = chat.invoke("x"), chat.invoke("x")
    assert second.response_metadata == first.response_metadata
    assert second.usage_metadata == {**first.usage_metadata, "total_cost": 0}  # LangChain's mark of a hit
