"""Runs of the completion model: every handler and tracer sees each call, and a call gives the same with and without them."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.globals import set_debug
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.context import collect_runs

from llmengine_integrations import errors
from llmengine_integrations.langchain import LLMEngine, get_llmengine_usage_callback

from . import calls
from .gateway import error_event, stream

PROMPTS = ["one", "two words", "now three words"]
RUN_ID = "00000000-0000-4000-8000-000000000001"


class Counting(BaseCallbackHandler):
    """Counts runs and tokens."""

    def __init__(self):
        self.runs = 0
        self.ended = 0
        self.tokens = 0

    def on_llm_start(self, serialized, prompts, **kwargs):
        self.runs += len(prompts)

    def on_llm_end(self, response, **kwargs):
        self.ended += 1

    def on_llm_new_token(self, token, **kwargs):
        self.tokens += 1


async def generate(llm, prompts, **kwargs):
    return llm.generate(prompts, **kwargs)


async def agenerate(llm, prompts, **kwargs):
    return await llm.agenerate(prompts, **kwargs)


GENERATE = [generate, agenerate]


@pytest.fixture
def counting():
    return Counting()


@pytest.mark.parametrize("options", [{}, {"stop": ["said"]}, {"max_tokens": 1, "logprobs": True}], ids=str)
@pytest.mark.parametrize("call", GENERATE)
async def test_the_result_is_the_same(llm, counting, call, options):
    alone = await call(llm, PROMPTS, **options)
    observed = await call(llm, PROMPTS, callbacks=[counting], **options)
    assert counting.runs == 3
    assert alone == observed


@pytest.mark.parametrize("call", GENERATE)
async def test_a_run_keeps_the_id_it_was_given(llm, call):
    result = await call(llm, ["x"], run_id=RUN_ID)
    assert [one.run_id.hex for one in result.run] == [RUN_ID.replace("-", "")]


def test_what_is_no_list_of_prompts_is_refused(llm, gateway):
    with pytest.raises(ValueError, match="list"):
        llm.generate("not a list")
    assert gateway.requests == []


@pytest.mark.parametrize("call", calls.ALL)
async def test_handlers_of_the_model(make_llm, counting, call):
    await call(make_llm(callbacks=[counting]), "hi")
    assert (counting.runs, counting.ended) == (1, 1)


@pytest.mark.parametrize("call", calls.ALL)
async def test_handlers_of_a_chain_around_it(llm, counting, call):
    async def inside(prompt):
        return await call(llm, prompt)

    await RunnableLambda(inside).ainvoke("hi", {"callbacks": [counting]})
    assert (counting.runs, counting.ended) == (1, 1)


@pytest.mark.parametrize("call", calls.ALL)
async def test_tracers_and_counters_of_the_context(llm, call):
    with collect_runs() as collected, get_llmengine_usage_callback() as usage:
        await call(llm, "hi")
    assert [run.name for run in collected.traced_runs] == ["LLMEngine"]
    assert usage.usage_metadata["llama-2-7b"]["total_tokens"] == 4


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_a_context_that_begins_before_the_first_token(llm, call):
    """A stream's call begins with its first token, and belongs to the context in which that is read."""
    reading = llm.stream("hi") if call is calls.stream else llm.astream("hi")
    with collect_runs() as collected:
        assert len([text async for text in reading] if call is calls.astream else list(reading)) == 3
    assert len(collected.traced_runs) == 1


@pytest.mark.parametrize("call", calls.ALL)
async def test_debugging(llm, capsys, call):
    set_debug(True)
    try:
        await call(llm, "hi")
    finally:
        set_debug(False)
    assert "You said: hi" in capsys.readouterr().out.replace("\\n", "")


@pytest.mark.parametrize("mode", ["batch", "abatch"])
async def test_a_handler_of_one_input_of_a_batch(llm, counting, mode):
    configs = [{}, {"callbacks": [counting]}, {}]
    answers = await llm.abatch(PROMPTS, configs) if mode == "abatch" else llm.batch(PROMPTS, configs)
    assert answers == [f" You said: {prompt}" for prompt in PROMPTS]
    assert counting.runs == 1


@pytest.mark.parametrize("mode", ["batch", "abatch"])
async def test_the_limit_of_a_batch(gateway, mode):
    """The limit of the config wins over the model's, as in LangChain."""
    gateway.delay = 0.02
    prompts, config = [f"number {number}" for number in range(6)], {"max_concurrency": 2}
    with gateway.served() as url:
        llm = LLMEngine(model="m", base_url=url)
        await llm.abatch(prompts, config) if mode == "abatch" else llm.batch(prompts, config)
    assert sorted(gateway.prompts) == prompts
    assert gateway.most_active == 2
    assert llm.max_concurrency == 8


@pytest.mark.parametrize("mode", ["batch", "abatch"])
async def test_options_of_a_batch(llm, gateway, mode):
    options = {"max_tokens": 1, "stop": ["said"], "temperature": 0.5}
    await llm.abatch(PROMPTS, **options) if mode == "abatch" else llm.batch(PROMPTS, **options)
    assert sorted(gateway.prompts) == sorted(PROMPTS)
    assert {request["temperature"] for request in gateway.requests} == {0.5}
    assert gateway.last["stop_sequences"] == ["said"]


@pytest.mark.parametrize("unknown", ["tags", "callbacks", "temprature"])
@pytest.mark.parametrize("mode", ["batch", "abatch"])
async def test_options_that_a_batch_does_not_take(llm, gateway, mode, unknown):
    with pytest.raises(TypeError):
        await llm.abatch(PROMPTS, **{unknown: []}) if mode == "abatch" else llm.batch(PROMPTS, **{unknown: []})
    assert gateway.requests == []


async def test_kept_answers_of_a_batch_that_fails(make_llm, gateway):
    """An answer that came is kept, whatever becomes of the others."""
    gateway.answers["bad"] = lambda body: stream(error_event(400, "no"))
    llm = make_llm(cache=InMemoryCache(), max_concurrency=1)
    with pytest.raises(errors.LLMEngineError):
        await llm.abatch(["good", "bad"])
    asked = len(gateway.requests)
    assert await llm.ainvoke("good") == " You said: good"
    assert len(gateway.requests) == asked


class Politely(LLMEngine):
    """Has its own way to answer one input."""

    def invoke(self, input, config=None, **kwargs):  # noqa: A002 - LangChain's name
        return super().invoke(f"please {input}", config, **kwargs)

    async def ainvoke(self, input, config=None, **kwargs):  # noqa: A002 - as above
        return await super().ainvoke(f"please {input}", config, **kwargs)


@pytest.mark.parametrize("call", calls.WHOLE)
async def test_a_subclass_with_its_own_way_to_answer(llm, call):
    polite = Politely(model="m", client=llm.client, async_client=llm.async_client)
    assert await call(polite, "x") == " You said: please x"


class Numbered(LLMEngine):
    """Changes what every call brings, at LangChain's hooks."""

    def _generate(self, prompts, stop=None, run_manager=None, **kwargs):
        return self._numbered(super()._generate(prompts, stop, run_manager, **kwargs))

    async def _agenerate(self, prompts, stop=None, run_manager=None, **kwargs):
        return self._numbered(await super()._agenerate(prompts, stop, run_manager, **kwargs))

    @staticmethod
    def _numbered(result):
        for number, (generation,) in enumerate(result.generations):
            generation.text += f" #{number}"
        return result


@pytest.mark.parametrize("call", calls.WHOLE)
async def test_a_subclass_with_hooks_of_its_own(llm, call):
    numbered = Numbered(model="m", client=llm.client, async_client=llm.async_client)
    assert await call(numbered, "x") == " You said: x #0"


class Mute(LLMEngine):
    """Streams nothing."""

    def _stream(self, prompt, stop=None, run_manager=None, **kwargs):
        yield from ()

    async def _astream(self, prompt, stop=None, run_manager=None, **kwargs):
        for chunk in ():
            yield chunk


@pytest.mark.parametrize("config", [{}, {"callbacks": [Counting()]}], ids=["alone", "observed"])
@pytest.mark.parametrize("call", calls.STREAMED)
async def test_a_stream_without_a_chunk(llm, call, config):
    mute = Mute(model="m", client=llm.client, async_client=llm.async_client)
    with pytest.raises(ValueError, match="No generation chunks"):
        await call(mute, "x", config=config)


@pytest.mark.parametrize("observed", [False, True])
async def test_leaving_a_stream_closes_it(llm, gateway, counting, observed):
    reading = llm.astream("hi", {"callbacks": [counting]} if observed else None)
    await anext(reading)
    await reading.aclose()
    await asyncio.sleep(0)
    assert [events.closed for events in gateway.streams] == [True]
