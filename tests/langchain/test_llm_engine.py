"""A chain over the embedded engine: a real model answers, and what goes wrong with an engine comes out as the error that says so."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from langchain_core.prompts import PromptTemplate

from llmengine_integrations import errors
from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.langchain import LLMEngine

pytestmark = pytest.mark.engine
pytest.importorskip("torch")

TEXT = (Path(__file__).parents[2] / "cookbook" / "data" / "llm_engine.txt").read_text(encoding="utf-8")
PROMPT = PromptTemplate.from_template("Context: {text}\n\nQuestion: {question}\nAnswer:").partial(text=TEXT)
ANSWERS = {
    "Who founded Scale AI?": "Alexandr Wang and Lucy Guo",
    "When was Scale AI founded?": "2016",
    "On which port does the embedded engine listen?": "5005",
}
INPUTS = [{"question": question} for question in ANSWERS]


def model(engine: EmbeddedEngine, **fields: object) -> LLMEngine:
    settings = {"model": "llama-2-7b", "base_url": engine.base_url, "api_key": engine.api_key, "temperature": 0}
    return LLMEngine(**settings | fields)


@pytest.fixture
def chain(engine):
    return PROMPT | model(engine)


def right(answers: list[str]) -> list[bool]:
    return [expected in answer for expected, answer in zip(ANSWERS.values(), answers, strict=True)]


def test_answers_one_by_one(chain):
    assert all(right([chain.invoke(given) for given in INPUTS]))


def test_answers_in_a_batch(chain):
    assert all(right(chain.batch(INPUTS)))


def test_answers_streamed(chain):
    streamed = [list(chain.stream(given)) for given in INPUTS]
    assert all(right(["".join(chunks) for chunks in streamed]))
    assert all(len(chunks) > 3 for chunks in streamed)


async def test_answers_awaited(chain):
    assert all(right([await chain.ainvoke(given) for given in INPUTS]))
    assert all(right(await chain.abatch(INPUTS)))
    assert all(right(["".join([text async for text in chain.astream(given)]) for given in INPUTS]))


def test_the_log_probabilities_of_a_stream_are_those_of_the_whole(engine):
    llm, prompt = model(engine, logprobs=True), PROMPT.format(question="Who founded Scale AI?")
    whole = llm.generate([prompt]).generations[0][0].generation_info["logprobs"]
    chunks = list(llm._stream(prompt))
    streamed = [chunk.generation_info["logprobs"] for chunk in chunks if "logprobs" in (chunk.generation_info or {})]
    assert [token for part in streamed for token in part["tokens"]] == whole["tokens"]
    values = [value for part in streamed for value in part["token_logprobs"]]
    assert values == pytest.approx(whole["token_logprobs"], abs=1e-4)
    assert chunks[-1].generation_info["token_usage"]["completion_tokens"] == len(values)


BROKEN_OFF = (errors.StreamTruncatedError, errors.APIConnectionError)
KILLED_AFTER = 3  # chunks


def endless(engine: EmbeddedEngine) -> LLMEngine:
    return model(engine, model="endless", max_new_tokens=1900)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_engine_killed_inside_a_stream_is_an_error(endless_model, how):
    texts = []
    with EmbeddedEngine({"endless": endless_model}) as engine:
        chain = PromptTemplate.from_template("{text}") | endless(engine)
        with pytest.raises(BROKEN_OFF):  # noqa: PT012 - it must not raise before the engine is killed
            for text in chain.stream({"text": "Once upon a time"}):
                texts.append(text)
                if len(texts) == KILLED_AFTER:
                    os.kill(engine.pid, how)
    assert len(texts) >= KILLED_AFTER


async def test_an_engine_killed_inside_an_async_stream_is_an_error(endless_model):
    texts = []
    async with EmbeddedEngine({"endless": endless_model}) as engine:
        chain = PromptTemplate.from_template("{text}") | endless(engine)
        with pytest.raises(BROKEN_OFF):  # noqa: PT012 - as above
            async for text in chain.astream({"text": "Once upon a time"}):
                texts.append(text)
                if len(texts) == KILLED_AFTER:
                    os.kill(engine.pid, signal.SIGKILL)
    assert len(texts) >= KILLED_AFTER


def test_a_wrong_model_name(engine):
    with pytest.raises(errors.NotFoundError, match=r"The specified endpoint could not be found\."):
        model(engine, model="no-such-model").invoke("hi")


def test_a_temperature_out_of_range_names_the_field(engine):
    with pytest.raises(errors.ValidationError, match=r"temperature: .*less than or equal to 1") as caught:
        model(engine, temperature=1.5).invoke("hi")
    assert caught.value.fields == ["temperature"]


def test_no_engine_says_how_to_start_one(unused_tcp_port):
    llm = LLMEngine(model="m", base_url=f"http://127.0.0.1:{unused_tcp_port}", max_retries=0)
    with pytest.raises(errors.APIConnectionError, match="llmengine serve"):
        llm.invoke("hi")
