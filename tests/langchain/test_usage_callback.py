"""Counting tokens: of every kind of model and run, once, and leaving nothing behind."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import repeat

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers import context

from llmengine_integrations import errors
from llmengine_integrations.langchain import LLMEngineUsageCallbackHandler, get_llmengine_usage_callback

from . import calls
from .gateway import completion, error_event, stream
from .standard_callback_tests import SpokenLLM


def counts(prompt, answer, **details):
    return {"input_tokens": prompt, "output_tokens": answer, "total_tokens": prompt + answer, **details}


def chat(model_name="chatty", **fields):
    usage = counts(7, 2, input_token_details={"cache_read": 3})
    message = AIMessage("hi you", usage_metadata=usage, response_metadata={"model_name": model_name})
    return GenericFakeChatModel(messages=repeat(message), **fields)


@pytest.fixture
def usage():
    return LLMEngineUsageCallbackHandler()


@pytest.mark.parametrize("call", calls.ALL)
async def test_plain_models(llm, usage, call):
    """LangChain's own handler sees none of them."""
    langchains = UsageMetadataCallbackHandler()
    await call(llm, "hi there", config={"callbacks": [usage, langchains]})
    assert usage.usage_metadata == {"llama-2-7b": counts(2, 4)}
    assert (usage.runs, usage.incomplete, usage.total) == ({"llama-2-7b": 1}, {}, counts(2, 4))
    assert langchains.usage_metadata == {}


async def test_many_prompts_in_one_call(llm, usage):
    """Their first run also carries the sum of all of them."""
    prompts = ["one", "two words", "now three words"]
    llm.generate(prompts, callbacks=[usage])
    await llm.agenerate(prompts, callbacks=[usage])
    assert usage.usage_metadata == {"llama-2-7b": counts(12, 24)}
    assert usage.runs == {"llama-2-7b": 6}


async def test_each_model_by_its_name(llm, usage):
    config = {"callbacks": [usage]}
    llm.invoke("x", config)
    await llm.ainvoke("x", config, model="falcon-7b")
    chat().invoke("x", config)
    _ = list(llm.stream("x", config, model="falcon-7b"))
    assert usage.usage_metadata == {
        "llama-2-7b": counts(1, 3),
        "falcon-7b": counts(2, 6),
        "chatty": counts(7, 2, input_token_details={"cache_read": 3}),
    }
    assert usage.total == counts(10, 11, input_token_details={"cache_read": 3})
    assert repr(usage) == str(usage.usage_metadata)


async def test_answers_from_a_cache_cost_nothing(make_llm, usage):
    config = {"callbacks": [usage]}
    llm, chatty = make_llm(cache=InMemoryCache()), chat(cache=InMemoryCache())
    for _ in range(3):
        llm.invoke("x", config)
        await llm.ainvoke("x", config)
        chatty.invoke("x", config)
        await chatty.ainvoke("x", config)
    assert usage.usage_metadata == {
        "llama-2-7b": counts(1, 3),
        "chatty": counts(7, 2, input_token_details={"cache_read": 3}),
    }
    assert usage.runs == {"llama-2-7b": 1, "chatty": 1}


def test_a_price_is_no_count(usage):
    usage_metadata = counts(1, 1) | {"total_cost": 0.25}
    message = AIMessage("hi", response_metadata={"model_name": "m"}).model_copy(
        update={"usage_metadata": usage_metadata}
    )
    GenericFakeChatModel(messages=iter([message])).invoke("x", {"callbacks": [usage]})
    assert usage.usage_metadata == {"m": counts(1, 1)}


def test_plain_models_of_others(usage):
    SpokenLLM(text="x").generate(["a", "b"], callbacks=[usage])
    assert usage.usage_metadata == {"spoken": counts(6, 4)}
    assert (usage.runs, usage.incomplete) == ({"spoken": 2}, {})


def test_models_that_say_nothing(usage):
    GenericFakeChatModel(messages=iter(["hi"])).invoke("x", {"callbacks": [usage]})
    assert usage.usage_metadata == {"unknown": counts(0, 0)}
    assert usage.incomplete == {"unknown": 1}


def test_what_the_server_did_not_count_is_said(llm, gateway, usage):
    gateway.answers["x"] = lambda body: completion("some text", count=2)
    llm.invoke("x", {"callbacks": [usage]})
    assert usage.usage_metadata == {"llama-2-7b": {"input_tokens": 0, "output_tokens": 2, "total_tokens": 0}}
    assert usage.incomplete == {"llama-2-7b": 1}


@pytest.mark.parametrize("call", calls.ALL)
async def test_runs_that_fail_are_not_counted(llm, gateway, usage, call):
    gateway.answers["x"] = lambda body: stream(error_event(400, "no"))
    with pytest.raises(errors.LLMEngineError):
        await call(llm, "x", config={"callbacks": [usage]})
    assert usage.usage_metadata == {}


async def test_inside_a_block_every_run_counts(llm):
    with get_llmengine_usage_callback() as usage:
        llm.invoke("x")
        llm.batch(["x"] * 5)  # in threads
        await asyncio.gather(*(llm.ainvoke("x") for _ in range(4)))
        chat().invoke("x")
    llm.invoke("x")
    assert usage.runs == {"llama-2-7b": 10, "chatty": 1}
    assert usage.usage_metadata["llama-2-7b"] == counts(10, 30)


def test_a_handler_that_is_given_too_counts_once(llm):
    with get_llmengine_usage_callback() as usage:
        llm.invoke("x", {"callbacks": [usage]})
    assert usage.runs == {"llama-2-7b": 1}


def test_one_block_in_another(llm):
    with get_llmengine_usage_callback() as outer:
        llm.invoke("x")
        with suppress(ZeroDivisionError), get_llmengine_usage_callback() as inner:
            llm.invoke("x")
            raise ZeroDivisionError
        llm.invoke("x")
    assert (outer.runs, inner.runs) == ({"llama-2-7b": 3}, {"llama-2-7b": 1})


@pytest.mark.parametrize("wrapped", [lambda ask: RunnableLambda(ask).invoke, lambda ask: ask])
def test_a_block_inside_a_chain_inside_a_block(llm, wrapped):
    def ask(question):
        with get_llmengine_usage_callback() as inner:
            (RunnableLambda(str) | llm).invoke(question)
        llm.invoke(question)
        return inner.runs

    with get_llmengine_usage_callback() as outer:
        assert wrapped(ask)("x") == {"llama-2-7b": 1}
    assert outer.runs == {"llama-2-7b": 2}


async def test_tasks_and_threads_have_blocks_of_their_own(llm):
    async def task(count):
        with get_llmengine_usage_callback() as usage:
            for _ in range(count):
                await llm.ainvoke("x")
        return usage.runs["llama-2-7b"]

    def thread(count):
        with get_llmengine_usage_callback() as usage:
            for _ in range(count):
                llm.invoke("x")
        return usage.runs["llama-2-7b"]

    assert await asyncio.gather(*map(task, [1, 2, 3])) == [1, 2, 3]
    with ThreadPoolExecutor(3) as executor:
        assert list(executor.map(thread, [1, 2, 3])) == [1, 2, 3]


def test_thousands_of_blocks_leave_nothing_behind(llm):
    """LangChain's own leaves a hook for each, which every later run looks at."""
    with get_llmengine_usage_callback():
        pass
    before = len(context._configure_hooks)
    for _ in range(2000):
        with get_llmengine_usage_callback():
            pass
    assert len(context._configure_hooks) == before
