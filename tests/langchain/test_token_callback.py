"""Tokens of runs: their texts, log-probabilities and times, by a clock of the test's own."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Iterator

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from llmengine_integrations.langchain import AsyncTokenStreamCallbackHandler, TokenStreamCallbackHandler
from llmengine_integrations.langchain.callbacks import StreamedToken

from . import calls
from .gateway import completion, error_event, output_event, stream

CHAT_LOGPROBS = [
    [{"token": "Hel", "logprob": -1.0}, {"token": "lo", "logprob": -0.5}],
    [{"token": "!", "logprob": 0.0}],
]


class Chatty(BaseChatModel):
    """Says "Hello!" with log-probabilities in the form of chats, in two chunks of which the first has two tokens."""

    @property
    def _llm_type(self) -> str:
        return "chatty"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        content = [entry for entries in CHAT_LOGPROBS for entry in entries]
        info = {"logprobs": {"content": content}, "finish_reason": "stop", "model_name": "chatty"}
        usage = {"input_tokens": 1, "output_tokens": 3, "total_tokens": 4}
        message = AIMessage("Hello!", usage_metadata=usage)
        return ChatResult(generations=[ChatGeneration(message=message, generation_info=info)])

    def _stream(self, messages, stop=None, run_manager=None, **kwargs) -> Iterator[ChatGenerationChunk]:
        for text, content in zip(["Hello", "!"], CHAT_LOGPROBS, strict=True):
            info = {"logprobs": {"content": content}}
            yield ChatGenerationChunk(message=AIMessageChunk(text), generation_info=info)


@pytest.fixture
def tokens():
    """Its clock goes one second further with each look."""
    return TokenStreamCallbackHandler(clock=itertools.count(100).__next__)


def times(run):
    return run.time_to_first_token, run.inter_token_latencies, run.inter_token_latency


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_a_stream(llm, tokens, call):
    await call(llm, "hi", config={"callbacks": [tokens]}, logprobs=True)
    (run,) = tokens.runs
    assert run is tokens.last
    assert run.tokens == [
        StreamedToken(" You", -1 / 8, 1, " You"),
        StreamedToken(" said:", -2 / 8, 2, " said:"),
        StreamedToken(" hi", -3 / 8, 3, " hi"),
    ]
    assert run.text == " You said: hi"
    assert times(run) == (1, [1, 1], 1)
    assert (run.duration, run.tokens_per_second) == (4, 3 / 4)
    assert run.log_prob == -6 / 8
    assert run.perplexity == pytest.approx(math.exp(2 / 8))
    assert (run.model_name, run.finish_reason, run.error) == ("llama-2-7b", "stop", None)
    assert run.usage_metadata == {"input_tokens": 1, "output_tokens": 3, "total_tokens": 4}


@pytest.mark.parametrize("call", calls.WHOLE)
async def test_an_answer_that_comes_whole(llm, tokens, call):
    await call(llm, "hi", config={"callbacks": [tokens]}, logprobs=True)
    run = tokens.last
    assert [(token.text, token.log_prob, token.elapsed) for token in run.tokens] == [
        (" You", -1 / 8, None),
        (" said:", -2 / 8, None),
        (" hi", -3 / 8, None),
    ]
    assert times(run) == (None, [], None)
    assert run.perplexity == pytest.approx(math.exp(2 / 8))
    assert (run.text, run.duration, run.tokens_per_second) == (" You said: hi", 1, 3)


async def test_without_log_probabilities(llm, tokens):
    await calls.astream(llm, "hi", config={"callbacks": [tokens]})
    run = tokens.last
    assert [(token.text, token.log_prob) for token in run.tokens] == [(" You", None), (" said:", None), (" hi", None)]
    assert (run.log_prob, run.perplexity) == (None, None)
    assert times(run) == (1, [1, 1], 1)


@pytest.mark.parametrize("call", calls.ALL)
async def test_chat_models(tokens, call):
    llm = Chatty() if call not in calls.STREAMED else Chatty() | (lambda message: message.text)
    await call(llm, "hi", config={"callbacks": [tokens]})
    run = tokens.last
    assert [(token.text, token.log_prob) for token in run.tokens] == [("Hel", -1.0), ("lo", -0.5), ("!", 0.0)]
    assert run.text == "Hello!"
    assert run.perplexity == pytest.approx(math.exp(0.5))
    if call in calls.STREAMED:
        assert [token.elapsed for token in run.tokens] == [1, 1, 2]
        assert times(run) == (1, [0, 1], 0.5)
    else:
        assert run.usage_metadata["output_tokens"] == 3


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_tokens_are_passed_on_before_the_caller_has_them(llm, call):
    log = []
    config = {"callbacks": [TokenStreamCallbackHandler(lambda token: log.append(token.text))]}
    if call is calls.stream:
        log.extend(text.upper() for text in llm.stream("hi", config))
    else:
        async for text in llm.astream("hi", config):
            log.append(text.upper())  # noqa: PERF401 - the order with the handler's entries is the point
    assert log == [" You", " YOU", " said:", " SAID:", " hi", " HI"]


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_a_function_that_is_awaited(llm, call):
    seen = asyncio.Queue(maxsize=1)
    drained = []

    async def reader():
        while (text := await seen.get()) is not None:
            drained.append(text)

    async def keep(token):
        drained.append(token.text)

    handler = AsyncTokenStreamCallbackHandler(
        keep if call is calls.stream else lambda token: seen.put(token.text), clock=itertools.count(100).__next__
    )
    reading = asyncio.create_task(reader())
    await call(llm, "hi", config={"callbacks": [handler]})
    await seen.put(None)
    await reading
    assert drained == [" You", " said:", " hi"]
    assert times(handler.last) == (1, [1, 1], 1)


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_a_stream_that_breaks(llm, gateway, tokens, call):
    gateway.answers["x"] = lambda body: stream(output_event(" You", count=1), error_event(400, "no"))
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is another test's
        await call(llm, "x", config={"callbacks": [tokens]})
    assert tokens.last.error is caught.value
    assert tokens.last.text == " You"
    assert tokens.last.duration == 2


async def test_a_stream_that_is_left(llm, tokens):
    reading = llm.stream("hi", {"callbacks": [tokens]})
    next(reading)
    reading.close()
    assert tokens.last.text == " You"
    assert isinstance(tokens.last.error, GeneratorExit)


async def test_runs_at_a_time_do_not_mix(llm):
    tokens = TokenStreamCallbackHandler()
    prompts = [f"number {i}" for i in range(20)]
    await asyncio.gather(*(calls.astream(llm, prompt, config={"callbacks": [tokens]}) for prompt in prompts))
    assert sorted(run.text for run in tokens.runs) == sorted(f" You said: {prompt}" for prompt in prompts)
    assert all("".join(token.text for token in run.tokens) == run.text for run in tokens.runs)


def test_only_so_many_runs_are_kept(llm):
    tokens = TokenStreamCallbackHandler(keep=2)
    for prompt in "abc":
        llm.invoke(prompt, {"callbacks": [tokens]})
    assert [run.text for run in tokens.runs] == [" You said: b", " You said: c"]
    with pytest.raises(LookupError):
        TokenStreamCallbackHandler().last  # noqa: B018 - the access is the test


def test_a_function_that_raises(llm, caplog):
    handler = TokenStreamCallbackHandler(lambda token: 1 / 0)
    assert "".join(llm.stream("hi", {"callbacks": [handler]})) == " You said: hi"
    assert "ZeroDivisionError" in caplog.text
    handler.raise_error = True
    with pytest.raises(ZeroDivisionError):
        _ = list(llm.stream("hi", {"callbacks": [handler]}))


@pytest.mark.parametrize("call", calls.ALL)
async def test_tokens_that_are_not_their_text(llm, gateway, tokens, call):
    """Special tokens show nothing, and halves of characters show with their other half."""
    told = [{"token": token, "log_prob": -1.0} for token in ("<s>", "caf", "\ufffd", "\ufffd", "</s>")]
    texts = ["", "caf", "", "é", ""]
    last = len(told) - 1

    def answer(body):
        if call not in calls.STREAMED:
            return completion("café", tokens=told, count=5, prompt_tokens=1)
        events = zip(texts, told, strict=True)
        return stream(
            *(output_event(t, count=i + 1, finished=i == last, token=one) for i, (t, one) in enumerate(events))
        )

    gateway.answers["x"] = answer
    await call(llm, "x", config={"callbacks": [tokens]}, logprobs=True)
    run = tokens.last
    assert [token.token for token in run.tokens] == [one["token"] for one in told]
    assert "".join(token.text for token in run.tokens) == run.text == "café"
    assert [token.text for token in run.tokens][:2] == ["", "caf"]
    if call in calls.STREAMED:
        assert [token.text for token in run.tokens] == texts
    assert run.perplexity == pytest.approx(math.e)


def test_tokens_that_could_not_be(llm, gateway, tokens):
    tokens_out = [{"token": "a", "log_prob": -1e9}]
    gateway.answers["x"] = lambda body: stream(
        output_event("a", count=1, prompt_tokens=1, finished=True, token=tokens_out[0])
    )
    _ = list(llm.stream("x", {"callbacks": [tokens]}))
    assert tokens.last.perplexity == math.inf
