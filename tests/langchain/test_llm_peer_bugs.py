"""Bugs that other integrations have, or LangChain itself, one test each: `LLMEngine`, its handlers and its loader have none of them."""

from __future__ import annotations

import asyncio
import gc
import math
import subprocess
import sys

import httpx
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.tracers import context

from llmengine_integrations import errors
from llmengine_integrations.langchain import (
    LLMEngine,
    LLMEngineUsageCallbackHandler,
    TokenStreamCallbackHandler,
    get_llmengine_usage_callback,
)

from . import calls
from .gateway import completion, error_event, output_event, stream


@pytest.fixture
def usage():
    return LLMEngineUsageCallbackHandler()


@pytest.fixture
def tokens():
    return TokenStreamCallbackHandler()


async def test_a_cached_answer_to_other_options(make_llm):
    """https://github.com/langchain-ai/langchain/issues/40403."""
    llm = make_llm(cache=InMemoryCache())
    assert llm.invoke("hi") == " You said: hi"
    assert await llm.ainvoke("hi", max_tokens=1) == " You"


def test_a_cached_answer_of_another_model(make_llm, gateway):
    """https://github.com/langchain-ai/langchain/issues/25712, https://github.com/langchain-ai/langchain/issues/14590."""
    cache = InMemoryCache()
    for model in ("llama-2-7b", "falcon-7b"):
        make_llm(model=model, cache=cache).invoke("hi")
    assert [request["model"] for request in gateway.requests] == ["llama-2-7b", "falcon-7b"]


@pytest.mark.parametrize("call", calls.ALL)
async def test_retries_that_are_none(make_llm, gateway, call):
    """429 was never tried again, nor were streams: https://github.com/langchain-ai/langchain/issues/36753; `max_retries` without effect:
    https://github.com/langchain-ai/langchain/issues/29843; and LangChain's `with_retry` leaves streams alone:
    https://github.com/langchain-ai/langchainjs/issues/8686.
    """
    refusals = [httpx.Response(429, headers={"retry-after": "0"}, json={"detail": "busy"}) for _ in range(3)]
    gateway.refuse = lambda body: refusals.pop() if refusals else None
    assert await call(make_llm(max_retries=3), "hi") == " You said: hi"
    assert len(gateway.requests) == 4  # not more: nothing else tries again around it


@pytest.mark.parametrize("call", calls.ALL)
async def test_retries_that_were_not_asked_for(make_llm, gateway, call):
    gateway.refuse = lambda body: httpx.Response(429, json={"detail": "busy"})
    with pytest.raises(errors.RateLimitError):
        await call(make_llm(max_retries=0), "hi")
    assert len(gateway.requests) == 1


def test_a_limit_of_concurrency_without_effect(make_llm, gateway):
    """https://github.com/langchain-ai/langchain/issues/36753."""
    gateway.delay = 0.01
    make_llm(max_concurrency=2).batch([f"number {i}" for i in range(8)])
    assert gateway.most_active == 2


def test_a_hook_left_behind_by_each_count():
    """https://github.com/langchain-ai/langchain/issues/32300."""
    for _ in range(10):
        with get_llmengine_usage_callback():
            pass
        before = len(context._configure_hooks)
    assert len(context._configure_hooks) == before


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_names_and_reasons_doubled_by_merging(llm, call):
    """https://github.com/langchain-ai/langchain/issues/38366."""
    info = await calls.info(call, llm, "a longer text of many words")
    assert (info["model_name"], info["finish_reason"]) == ("llama-2-7b", "stop")


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_a_reason_that_is_the_stop_list(llm, call):
    """OllamaLLM ends a stream with the reason ['END', 'END', 'END']."""
    info = await calls.info(call, llm, "hi", stop=["END"])
    assert info["finish_reason"] == "stop"


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_log_probabilities_that_break_a_stream(llm, call):
    """Floats cannot be merged: https://github.com/langchain-ai/langchain/issues/17376."""
    info = await calls.info(call, llm, "hi", logprobs=True)
    assert info["logprobs"]["token_logprobs"] == [-1 / 8, -2 / 8, -3 / 8]


async def test_usage_of_a_stream_lost_or_of_another_shape(llm, usage):
    """https://github.com/langchain-ai/langchain/pull/35559, https://github.com/langchain-ai/langchain/issues/33717."""
    infos = [await calls.info(call, llm, "hi there", logprobs=True) for call in calls.ALL]
    assert all(info == infos[0] for info in infos)
    for call in calls.ALL:
        await call(llm, "hi there", config={"callbacks": [usage]})
    assert usage.usage_metadata["llama-2-7b"]["total_tokens"] == 6 * len(calls.ALL)


async def test_usage_in_an_event_without_text(llm, gateway, usage):
    """The event that ends a stream may have no text; some pass over it: https://github.com/langchain-ai/langchain/issues/30429."""
    last = output_event("", count=1, prompt_tokens=4, finished=True)
    gateway.answers["hi"] = lambda body: stream(output_event(" You", count=1), last)
    assert await calls.astream(llm, "hi", config={"callbacks": [usage]}) == " You"
    assert usage.usage_metadata["llama-2-7b"]["total_tokens"] == 5


@pytest.mark.parametrize("call", calls.ALL)
async def test_a_stop_that_is_dropped(llm, gateway, call):
    """https://github.com/langchain-ai/langchain/pull/38047."""
    await call(llm, "hi", stop=["said"])
    assert gateway.last["stop_sequences"] == ["said"]


async def test_stops_that_add_up(make_llm, gateway):
    """A call's own replace the model's; HuggingFaceEndpoint sends ['STOP', 'STOP', 'X']."""
    llm = make_llm(stop=["STOP"])
    for call in calls.ALL:
        await call(llm, "hi", stop=["X"])
        assert gateway.last["stop_sequences"] == ["X"]


@pytest.mark.engine
@pytest.mark.parametrize("call", calls.STREAMED)
async def test_a_stop_that_leaks_when_it_comes_in_parts(engine, call):
    """https://github.com/huggingface/text-generation-inference/issues/1254, https://github.com/vllm-project/vllm/issues/2577."""
    llm = LLMEngine(model="llama-2-7b", base_url=engine.base_url, api_key=engine.api_key, temperature=0)
    prompt = "Context: Scale AI was founded by Alexandr Wang and Lucy Guo.\n\nQuestion: Who founded Scale AI?\nAnswer:"
    whole = llm.invoke(prompt)
    stop = whole[len(whole) // 2 - 5 : len(whole) // 2 + 5]  # parts of several tokens
    told = []
    handler = TokenStreamCallbackHandler(lambda token: told.append(token.text))
    assert await call(llm, prompt, stop=[stop], config={"callbacks": [handler]}) == whole.partition(stop)[0]
    assert "".join(told) == whole.partition(stop)[0]


async def test_a_connection_left_open_by_who_leaves_a_stream(llm, gateway):
    """https://github.com/langchain-ai/langchain/issues/37976."""
    reading = llm.astream("hi")
    await anext(reading)
    await reading.aclose()
    left = llm.stream("hi")
    next(left)
    del left
    gc.collect()
    assert [events.closed for events in gateway.streams] == [True, True]


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_tokens_told_late_or_never(llm, call):
    """https://github.com/langchain-ai/langchain/issues/19185, https://github.com/langchain-ai/langchain/issues/5074."""
    told = []
    config = {"callbacks": [TokenStreamCallbackHandler(lambda token: told.append(token.text))]}
    if call is calls.stream:
        assert [told[-1] for _ in llm.stream("hi", config)] == [" You", " said:", " hi"]
    else:
        assert [told[-1] async for _ in llm.astream("hi", config)] == [" You", " said:", " hi"]


async def test_cached_answers_that_cost(make_llm, usage):
    """LangChain's own handler counts one answer and two hits as three."""
    llm = make_llm(cache=InMemoryCache())
    for _ in range(3):
        await llm.ainvoke("hi", {"callbacks": [usage]})
    assert usage.usage_metadata["llama-2-7b"] == {"input_tokens": 1, "output_tokens": 3, "total_tokens": 4}


@pytest.mark.engine
@pytest.mark.parametrize("call", calls.ALL)
async def test_log_probabilities_lost_with_structured_output(engine, tokens, call):
    """https://github.com/langchain-ai/langchain/issues/29668, https://github.com/BerriAI/litellm/issues/4898."""
    llm = LLMEngine(model="llama-2-7b", base_url=engine.base_url, api_key=engine.api_key, logprobs=True)
    text = await call(llm, "Colour:", guided_choice=["red", "green"], config={"callbacks": [tokens]})
    assert text in {"red", "green"}
    assert 1 <= tokens.last.perplexity < math.inf


def test_an_import_that_loads_everything():
    """https://github.com/langchain-ai/langchain/issues/40236."""
    program = """
import sys
import llmengine_integrations.langchain
from llmengine_integrations.langchain import LLMEngineFileLoader, TokenStreamCallbackHandler
heavy = ["langsmith.client", "langchain_core.language_models.llms", "langchain_core.language_models.chat_models", "aiohttp", "torch"]
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"


def test_keys_that_show():
    """https://github.com/langchain-ai/langchain-community/issues/478."""
    llm = LLMEngine(model="m", api_key="sk-secret", base_url="http://user:hunter2@127.0.0.1:1")
    shown = f"{llm!r} {llm} {llm._serialized} {llm.connection!r} {vars(llm)}"
    assert "sk-secret" not in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize("call", calls.ALL)
async def test_options_dropped_without_a_word(llm, gateway, call):
    """The LLM of Fireworks sends the model and the prompt, whatever it was given."""
    await call(llm, "hi", logprobs=True, top_k=3, guided_regex="a+")
    assert (gateway.last["return_token_log_probs"], gateway.last["top_k"]) == (True, 3)
    assert gateway.last["guided_regex"] == "a+"


@pytest.mark.parametrize("call", calls.ALL)
async def test_errors_whose_text_is_not_the_servers(llm, gateway, call):
    """Fireworks prints a bound method instead, when async; OpenAI's LLM checks for errors only when blocking."""
    gateway.refuse = lambda body: httpx.Response(400, json={"detail": "what the server says"})
    with pytest.raises(errors.BadRequestError, match="what the server says"):
        await call(llm, "hi")
    gateway.refuse = lambda body: None
    gateway.answers["hi"] = lambda body: stream(error_event(400, "in the stream"))
    if call in calls.STREAMED:
        with pytest.raises(errors.StreamError, match="in the stream"):
            await call(llm, "hi")


async def test_one_error_for_all_prompts_of_a_batch(llm, gateway):
    """LangChain's own `batch` gives every prompt the error of one."""
    gateway.answers["bad"] = lambda body: httpx.Response(400, json={"detail": "no"})
    for answers in (
        llm.batch(["good", "bad"], return_exceptions=True),
        await llm.abatch(["good", "bad"], return_exceptions=True),
    ):
        assert answers[0] == " You said: good"
        assert isinstance(answers[1], errors.BadRequestError)


def test_tokens_that_are_summed_up_while_they_are_merged(llm, gateway):
    """The gateway sends a running count with each event; integers are added when chunks are."""
    gateway.answers["hi"] = lambda body: stream(
        *(output_event(" a", count=i, prompt_tokens=2, finished=i == 3) for i in (1, 2, 3))
    )
    usage = LLMEngineUsageCallbackHandler()
    _ = list(llm.stream("hi", {"callbacks": [usage]}))
    assert usage.usage_metadata["llama-2-7b"] == {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}


async def test_two_hundred_at_once_and_three_loops_in_turn(gateway):
    with gateway.served() as base_url:
        llm = LLMEngine(model="m", base_url=base_url, max_retries=0)

        async def many():
            return await asyncio.gather(*(llm.ainvoke(f"number {i}") for i in range(200)))

        expected = [f" You said: number {i}" for i in range(200)]
        assert await many() == expected
        for _ in range(3):
            assert await asyncio.to_thread(asyncio.run, many()) == expected


def test_an_answer_without_counts_is_no_zero(llm, gateway, usage):
    gateway.answers["hi"] = lambda body: completion("text")
    llm.invoke("hi", {"callbacks": [usage]})
    assert usage.incomplete == {"llama-2-7b": 1}
