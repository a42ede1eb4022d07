"""What handlers see, and when."""

from __future__ import annotations

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.outputs import GenerationChunk

from . import calls
from .gateway import error_event, stream


class Tokens(BaseCallbackHandler):
    raise_error = True

    def __init__(self, log):
        self.log = log

    def on_llm_new_token(self, token, *, chunk=None, **kwargs):
        assert isinstance(chunk, GenerationChunk)
        assert chunk.text == token
        self.log.append(("token", token))


class AsyncTokens(AsyncCallbackHandler):
    raise_error = True

    def __init__(self, log):
        self.log = log

    async def on_llm_new_token(self, token, *, chunk=None, **kwargs):
        assert isinstance(chunk, GenerationChunk)
        assert chunk.text == token
        self.log.append(("token", token))


IN_TURN = [(kind, word) for word in (" You", " said:", " hi") for kind in ("token", "yield")]


def test_each_token_is_told_before_it_is_yielded(llm):
    log = []
    for text in llm.stream("hi", config={"callbacks": [Tokens(log)]}):
        log.append(("yield", text))  # noqa: PERF401 - the order with the handler's entries is the point
    assert log == IN_TURN


@pytest.mark.parametrize("handler", [Tokens, AsyncTokens])
async def test_each_token_is_told_before_it_is_yielded_async(llm, handler):
    log = []
    async for text in llm.astream("hi", config={"callbacks": [handler(log)]}):
        log.append(("yield", text))  # noqa: PERF401 - the order with the handler's entries is the point
    assert log == IN_TURN


@pytest.mark.parametrize("call", calls.WHOLE)
async def test_whole_answers_tell_no_tokens(llm, call):
    log = []
    await call(llm, "hi", config={"callbacks": [Tokens(log)]})
    assert log == []


@pytest.mark.parametrize("mode", ["batch", "abatch"])
async def test_every_prompt_of_a_batch_has_a_run_with_its_own_usage(llm, mode):
    ended = calls.Ended()
    config = {"callbacks": [ended]}
    prompts = ["one", "two words", "now three words"]
    await llm.abatch(prompts, config) if mode == "abatch" else llm.batch(prompts, config)
    counts = sorted(result.llm_output["token_usage"]["prompt_tokens"] for result in ended.results)
    assert counts == [1, 2, 3]


@pytest.mark.parametrize("call", calls.ALL)
async def test_options_of_a_call_are_traced(llm, call):
    class Started(BaseCallbackHandler):
        params = None

        def on_llm_start(self, serialized, prompts, *, invocation_params=None, **kwargs):
            self.params = invocation_params

    started = Started()
    await call(llm, "x", temperature=0.5, config={"callbacks": [started]})
    assert started.params["temperature"] == 0.5
    assert started.params["model"] == "llama-2-7b"
    assert started.params["_type"] == "llmengine"


async def test_events_of_a_stream(llm):
    events = [event async for event in llm.astream_events("hi", version="v2")]
    streamed = [event["data"]["chunk"] for event in events if event["event"] == "on_llm_stream"]
    assert streamed == [" You", " said:", " hi"]
    end = next(event for event in events if event["event"] == "on_llm_end")
    assert end["data"]["output"]["generations"][0][0]["generation_info"]["token_usage"]["total_tokens"] == 4


@pytest.mark.parametrize("call", calls.ALL)
async def test_the_run_of_a_failed_call_ends_with_the_error(llm, gateway, call):
    gateway.answers["x"] = lambda body: stream(error_event(400, "no"))
    ended = calls.Ended()
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is another test's
        await call(llm, "x", config={"callbacks": [ended]})
    assert ended.errors == [caught.value]
    assert ended.results == []
