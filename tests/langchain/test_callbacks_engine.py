"""Our handlers with the models of this package, plain and chat, on the embedded engine."""

from __future__ import annotations

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessageChunk

from llmengine_integrations import Client, errors
from llmengine_integrations.langchain import (
    AsyncTokenStreamCallbackHandler,
    ChatLLMEngine,
    FineTuneDatasetCallbackHandler,
    LLMEngine,
    LLMEngineUsageCallbackHandler,
    TokenStreamCallbackHandler,
)

from .standard_callback_tests import WAYS, CallbackHandlerTests, run, text_of

pytestmark = pytest.mark.engine
QUESTION = "Context: Scale AI was founded in 2016.\n\nQuestion: When was Scale AI founded?\nAnswer:"


@pytest.fixture
def settings(engine):
    return {
        "model": "llama-2-7b",
        "base_url": engine.base_url,
        "api_key": engine.api_key,
        "temperature": 0,
        "max_tokens": 24,
        "max_retries": 0,
    }


@pytest.fixture
def models(settings):
    return {"plain": LLMEngine(**settings), "chat": ChatLLMEngine(**settings)}


class TestUsageStandard(CallbackHandlerTests):
    prompt = QUESTION

    @pytest.fixture
    def make_handler(self):
        return LLMEngineUsageCallbackHandler

    @pytest.fixture
    def models(self, settings):
        short = settings | {"max_tokens": 2}
        return {"plain": LLMEngine(**short), "chat": ChatLLMEngine(**short)}

    @pytest.fixture
    def failing(self, settings):
        refused = settings | {"model": "not-there"}
        return {"plain": LLMEngine(**refused), "chat": ChatLLMEngine(**refused)}

    def observed(self, handler):
        return handler.usage_metadata, handler.runs, handler.incomplete


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["plain", "chat"])
async def test_all_three_at_once(models, settings, tmp_path, kind, way):
    usage, tokens = LLMEngineUsageCallbackHandler(), TokenStreamCallbackHandler()
    dataset = FineTuneDatasetCallbackHandler(tmp_path / "train.csv")
    answer = await run(models[kind], way, QUESTION, {"callbacks": [usage, tokens, dataset]}, logprobs=True)
    text, seen = text_of(answer), tokens.last
    assert "2016" in text
    assert "".join(token.text for token in seen.tokens) == seen.text == text
    assert all(token.log_prob <= 0 for token in seen.tokens)
    assert 1 <= seen.perplexity < 2
    assert (seen.model_name, seen.finish_reason) == ("llama-2-7b", "stop")
    if way in {"stream", "astream", "astream_events"}:
        assert 0 < seen.time_to_first_token <= seen.duration
        assert len(seen.inter_token_latencies) == len(seen.tokens) - 1
    assert seen.tokens_per_second == pytest.approx(seen.usage_metadata["output_tokens"] / seen.duration)
    assert usage.usage_metadata == {"llama-2-7b": dict(seen.usage_metadata)}
    assert [(row.prompt.removeprefix("Human: "), row.response) for row in dataset.file] == [(QUESTION, text)]
    with Client(settings["base_url"], settings["api_key"]) as client, pytest.warns(UserWarning, match="200 or more"):
        client.files.delete(client.files.upload(dataset.file.path, check=True).id)


async def test_a_chats_usage_is_that_of_its_message(models):
    usage = LLMEngineUsageCallbackHandler()
    message = models["chat"].invoke(QUESTION, {"callbacks": [usage]})
    chunks = [chunk async for chunk in models["chat"].astream(QUESTION, {"callbacks": [usage]})]
    assert all(isinstance(chunk, AIMessageChunk) for chunk in chunks)
    total = message.usage_metadata["total_tokens"]
    assert usage.usage_metadata["llama-2-7b"]["total_tokens"] == 2 * total


async def test_chats_from_a_cache_cost_nothing(settings):
    usage, llm = LLMEngineUsageCallbackHandler(), ChatLLMEngine(**settings, cache=InMemoryCache())
    for _ in range(2):
        llm.invoke(QUESTION, {"callbacks": [usage]})
        await llm.ainvoke(QUESTION, {"callbacks": [usage]})
    assert usage.runs == {"llama-2-7b": 1}


@pytest.mark.parametrize("kind", ["plain", "chat"])
async def test_cut_off_and_failed_runs_are_no_training_data(models, tmp_path, kind):
    dataset = FineTuneDatasetCallbackHandler(tmp_path / "train.jsonl")
    config = {"callbacks": [dataset]}
    for way in WAYS:
        await run(models[kind], way, QUESTION, config, max_tokens=2)
    with pytest.raises(errors.NotFoundError):
        models[kind].invoke(QUESTION, config, model="not-there")
    assert list(dataset.file) == []
    assert dataset._prompts == {}


@pytest.mark.parametrize("kind", ["plain", "chat"])
async def test_tokens_that_are_awaited(models, kind):
    texts = []

    async def send(token):
        texts.append(token.text)

    handler = AsyncTokenStreamCallbackHandler(send)
    answer = await run(models[kind], "astream", QUESTION, {"callbacks": [handler]})
    assert "".join(texts) == text_of(answer)
    assert len(texts) > 1
