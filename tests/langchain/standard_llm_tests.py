"""Standard tests of completion models (`BaseLLM`), in the manner of langchain-tests, which has none for them.

Subclass both classes, say what to test, and let pytest collect them; nothing here knows LLM Engine:

    class TestMine(LLMIntegrationTests):
        llm_class = MyLLM

        @pytest.fixture
        def llm_params(self):
            return {"model": "small"}
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any, ClassVar
from unittest import mock

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.language_models.llms import BaseLLM
from langchain_core.load import dumps
from langchain_core.outputs import LLMResult
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import ConfigurableField
from pydantic import SecretStr


class LLMStandardTests:
    """What is tested."""

    llm_class: ClassVar[type[BaseLLM]]

    @pytest.fixture
    def llm_params(self) -> dict[str, Any]:
        """The arguments that the class is made with."""
        return {}

    @pytest.fixture
    def llm(self, llm_params) -> BaseLLM:
        return self.llm_class(**llm_params)


class LLMUnitTests(LLMStandardTests):
    """Tests that send nothing."""

    @property
    def secrets(self) -> dict[str, tuple[str, str]]:
        """Arguments of the constructor that hold a secret, each with the secret, which must show nowhere."""
        return {}

    @property
    def env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        """Environment variables, the arguments beside them, and the attributes to expect."""
        return {}, {}, {}

    def test_init(self, llm):
        assert isinstance(llm, BaseLLM)
        assert llm._llm_type

    def test_init_from_env(self):
        environment, params, expected = self.env_params
        if not expected:
            pytest.skip("env_params is not set")
        with mock.patch.dict(os.environ, environment):
            llm = self.llm_class(**params)
        for name, value in expected.items():
            found = getattr(llm, name)
            assert (found.get_secret_value() if isinstance(found, SecretStr) else found) == value

    @pytest.mark.parametrize("hook", ["_generate", "_agenerate", "_stream", "_astream"])
    def test_hooks_are_native(self, hook):
        assert getattr(self.llm_class, hook) is not getattr(BaseLLM, hook)

    def test_identifying_params(self, llm, llm_params):
        params = dict(llm._identifying_params)
        json.dumps(params)
        assert set(params) & {"model", "model_name"}
        other = self.llm_class(**llm_params | {"temperature": 0.123})
        assert dict(other._identifying_params) != params

    def test_standard_params(self, llm):
        params = llm._get_ls_params(stop=["A"])
        assert params["ls_model_type"] == "llm"
        assert params["ls_provider"] == params["ls_provider"].lower()
        assert params["ls_model_name"]
        assert isinstance(params["ls_temperature"], float)
        assert isinstance(params["ls_max_tokens"], int)
        assert params["ls_stop"] == ["A"]

    def test_standard_params_model_override(self, llm):
        assert llm._get_ls_params(model="other")["ls_model_name"] == "other"

    def test_secrets_stay_inside(self, llm_params):
        llm = self.llm_class(**llm_params | {name: value for name, (value, _) in self.secrets.items()})
        shown = [repr(llm), str(llm), dumps(llm), repr(llm._identifying_params), repr(llm._serialized)]
        for _, secret in self.secrets.values():
            assert not [text for text in shown if secret in text]

    def test_tokens_are_counted_without_the_network(self, llm_params):
        def refused(*args):
            raise AssertionError("a connection was tried")

        llm = self.llm_class(**llm_params, custom_get_token_ids=lambda text: list(text.encode()))
        with mock.patch("socket.socket.connect", refused), mock.patch("socket.getaddrinfo", refused):
            assert llm.get_num_tokens("abc") == 3

    def test_serializable(self, llm):
        assert json.loads(dumps(llm))["type"] == "constructor"

    def test_configurable_fields(self, llm):
        flexible = llm.configurable_fields(temperature=ConfigurableField(id="t"))
        changed, _ = flexible.prepare({"configurable": {"t": 0.123}})
        assert changed.temperature == 0.123
        assert llm.temperature != 0.123


class _Seen(BaseCallbackHandler):
    def __init__(self):
        self.tokens: list[str] = []
        self.results: list[LLMResult] = []

    def on_llm_new_token(self, token, *, chunk=None, **kwargs):
        assert chunk is not None
        self.tokens.append(token)

    def on_llm_end(self, response, **kwargs):
        self.results.append(response)

    @property
    def info(self):
        return self.results[-1].generations[0][0].generation_info


class _AsyncSeen(AsyncCallbackHandler):
    def __init__(self):
        self.tokens: list[str] = []

    async def on_llm_new_token(self, token, *, chunk=None, **kwargs):
        assert chunk is not None
        self.tokens.append(token)


class LLMIntegrationTests(LLMStandardTests):
    """Tests that need a model that answers. It should be deterministic: set its temperature to 0."""

    prompt: ClassVar[str] = "Once upon a time"
    other_prompt: ClassVar[str] = "The quick brown fox"
    model_override: ClassVar[str | None] = None
    """The name of another model, for a call."""

    @property
    def length_params(self) -> dict[str, Any]:
        """Options of a call that make the answer to `prompt` end for its length."""
        return {"max_tokens": 2}

    @property
    def logprobs_params(self) -> dict[str, Any]:
        """Options of a call that ask for log-probabilities, if the model has them."""
        return {}

    @property
    def failing_params(self) -> dict[str, Any]:
        """Options of a call that the server refuses."""
        return {}

    @pytest.fixture
    def text(self, llm):
        text = llm.invoke(self.prompt)
        assert isinstance(text, str)
        assert text
        return text

    async def test_ainvoke(self, llm, text):
        assert await llm.ainvoke(self.prompt) == text

    def test_stream(self, llm, text):
        parts = list(llm.stream(self.prompt))
        assert len(parts) > 1
        assert "".join(parts) == text

    async def test_astream(self, llm, text):
        parts = [part async for part in llm.astream(self.prompt)]
        assert len(parts) > 1
        assert "".join(parts) == text

    def test_batch(self, llm, text):
        assert llm.batch([self.prompt] * 3) == [text] * 3

    async def test_abatch(self, llm, text):
        assert await llm.abatch([self.prompt] * 3) == [text] * 3

    def test_batch_keeps_its_order(self, llm):
        prompts = [self.prompt, self.other_prompt] * 3
        assert llm.batch(prompts, {"max_concurrency": 3}) == [llm.invoke(prompt) for prompt in prompts]

    async def test_answers_as_they_complete(self, llm, text):
        prompts = [self.prompt] * 3
        assert sorted(llm.batch_as_completed(prompts)) == list(enumerate([text] * 3))
        assert sorted([answer async for answer in llm.abatch_as_completed(prompts)]) == list(enumerate([text] * 3))

    def test_generate(self, llm, text):
        result = llm.generate([self.prompt, self.other_prompt])
        assert len(result.generations) == 2
        assert result.generations[0][0].text == text
        assert len(result.run) == 2

    def test_in_a_chain(self, llm, text):
        assert (PromptTemplate.from_template("{x}") | llm).invoke({"x": self.prompt}) == text

    def test_stop(self, llm, text):
        stop = text.strip()[1:3] or text.strip()
        cut = text.partition(stop)[0]
        assert llm.invoke(self.prompt, stop=[stop]) == cut
        assert "".join(llm.stream(self.prompt, stop=[stop])) == cut

    @pytest.mark.parametrize("streamed", [False, True])
    def test_usage(self, llm, streamed):
        seen = _Seen()
        config = {"callbacks": [seen]}
        _ = list(llm.stream(self.prompt, config)) if streamed else llm.invoke(self.prompt, config)
        usage = seen.info["token_usage"]
        assert usage["prompt_tokens"] > 0
        assert usage["completion_tokens"] > 0
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        assert isinstance(seen.info["model_name"], str)
        if not streamed:
            assert seen.results[0].llm_output["token_usage"] == usage

    @pytest.mark.parametrize("streamed", [False, True])
    def test_finish_reason(self, llm, streamed):
        seen = _Seen()
        config = {"callbacks": [seen]}
        if streamed:
            _ = list(llm.stream(self.prompt, config, **self.length_params))
        else:
            llm.invoke(self.prompt, config, **self.length_params)
        assert seen.info["finish_reason"] == "length"

    @pytest.mark.parametrize("streamed", [False, True])
    def test_logprobs(self, llm, streamed):
        if not self.logprobs_params:
            pytest.skip("logprobs_params is not set")
        seen = _Seen()
        config = {"callbacks": [seen]}
        if streamed:
            text = "".join(llm.stream(self.prompt, config, **self.logprobs_params))
        else:
            text = llm.invoke(self.prompt, config, **self.logprobs_params)
        logprobs = seen.info["logprobs"]
        assert len(logprobs["tokens"]) == len(logprobs["token_logprobs"])
        assert all(value <= 0 for value in logprobs["token_logprobs"])
        assert text.strip() in "".join(logprobs["tokens"])

    def test_tokens_are_told(self, llm, text):
        seen = _Seen()
        parts = list(llm.stream(self.prompt, {"callbacks": [seen]}))
        assert seen.tokens == parts

    async def test_tokens_are_told_async(self, llm, text):
        seen = _AsyncSeen()
        parts = [part async for part in llm.astream(self.prompt, {"callbacks": [seen]})]
        assert seen.tokens == parts

    async def test_events(self, llm, text):
        events = [event async for event in llm.astream_events(self.prompt, version="v2")]
        assert "".join(e["data"]["chunk"] for e in events if e["event"] == "on_llm_stream") == text
        assert [e["event"] for e in events].count("on_llm_end") == 1

    def test_cache_knows_the_options_of_a_call(self, llm_params, text):
        llm = self.llm_class(**llm_params, cache=InMemoryCache())
        assert llm.invoke(self.prompt) == text
        short = llm.invoke(self.prompt, **self.length_params)
        assert short != text
        assert llm.invoke(self.prompt, **self.length_params) == short
        assert llm.invoke(self.prompt) == text

    @pytest.mark.parametrize("call", ["invoke", "stream"])
    def test_model_override(self, llm, call):
        if self.model_override is None:
            pytest.skip("model_override is not set")
        seen = _Seen()
        _ = list(getattr(llm, call)(self.prompt, {"callbacks": [seen]}, model=self.model_override))
        assert seen.info["model_name"] == self.model_override

    async def test_errors_of_a_batch_stand_in_their_places(self, llm):
        if not self.failing_params:
            pytest.skip("failing_params is not set")
        for results in (
            llm.batch([self.prompt] * 2, return_exceptions=True, **self.failing_params),
            await llm.abatch([self.prompt] * 2, return_exceptions=True, **self.failing_params),
        ):
            assert all(isinstance(result, Exception) for result in results)
            assert results[0] is not results[1]

    async def test_many_at_once(self, llm, text):
        other = await llm.ainvoke(self.other_prompt)
        prompts = [self.prompt, self.other_prompt] * 10
        assert await asyncio.gather(*(llm.ainvoke(prompt) for prompt in prompts)) == [text, other] * 10

    def test_event_loops_in_turn(self, llm, text):
        for _ in range(3):
            assert asyncio.run(llm.ainvoke(self.prompt)) == text
