"""A cached answer is only given to the question that it answered: same model, same server, same options, per call too.

LangChain's own cache key leaves out the options of a call: https://github.com/langchain-ai/langchain/issues/40403.
"""

from __future__ import annotations

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache

from llmengine_integrations import Client
from llmengine_integrations.langchain import LLMEngine

from . import calls

PER_CALL = [
    {"temperature": 1.0},
    {"max_tokens": 1},
    {"stop": ["said"]},
    {"stop_sequences": ["said"]},
    {"model": "other"},
    {"logprobs": True},
    {"top_k": 3},
    {"guided_choice": ["a", "b"]},
]


@pytest.fixture(autouse=True)
def cache():
    cache = InMemoryCache()
    set_llm_cache(cache)
    yield cache
    set_llm_cache(None)


@pytest.mark.parametrize("call", calls.WHOLE)
async def test_the_same_question_is_asked_once(llm, gateway, call):
    assert await call(llm, "x") == await call(llm, "x") == " You said: x"
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("options", PER_CALL, ids=lambda options: next(iter(options)))
@pytest.mark.parametrize("call", calls.WHOLE)
async def test_options_of_a_call_are_part_of_the_key(llm, gateway, call, options):
    await call(llm, "x")
    first = await call(llm, "x", **options)
    assert len(gateway.requests) == 2
    assert await call(llm, "x", **options) == first
    assert len(gateway.requests) == 2


async def test_sync_and_async_share_their_keys(llm, gateway):
    await calls.invoke(llm, "x", max_tokens=2)
    await calls.ainvoke(llm, "x", max_new_tokens=2)
    assert len(gateway.requests) == 1


def test_a_timeout_is_no_part_of_the_question(llm, gateway):
    llm.invoke("x")
    llm.invoke("x", timeout=5)
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    "fields",
    [{"model": "other"}, {"temperature": 0.0}, {"stop": ["said"]}, {"max_tokens": 2}, {"top_p": 0.5}],
    ids=lambda fields: next(iter(fields)),
)
def test_fields_are_part_of_the_key(make_llm, gateway, fields):
    make_llm().invoke("x")
    make_llm(**fields).invoke("x")
    assert len(gateway.requests) == 2


def test_the_server_is_part_of_the_key(gateway):
    with gateway.served() as one, gateway.served() as other:
        LLMEngine(model="m", base_url=one).invoke("x")
        LLMEngine(model="m", base_url=other).invoke("x")
        assert len(gateway.requests) == 2
        LLMEngine(model="m", client=Client(base_url=other)).invoke("x")
        assert len(gateway.requests) == 2


def test_hits_and_misses_in_one_call(llm, gateway):
    llm.generate(["a", "c"])
    result = llm.generate(["a", "b", "c"])
    assert [g[0].text for g in result.generations] == [" You said: a", " You said: b", " You said: c"]
    assert sorted(gateway.prompts) == ["a", "b", "c"]


def test_the_cache_can_be_off_for_a_model(make_llm, gateway):
    llm = make_llm(cache=False)
    llm.invoke("x")
    llm.invoke("x")
    assert len(gateway.requests) == 2


def test_a_calls_options_leave_the_model_as_it_was(llm):
    before = dict(llm._identifying_params)
    llm.invoke("x", temperature=1.0)
    assert llm._identifying_params == before
