"""ChatLLMEngine passes LangChain's standard unit tests of chat models."""

from __future__ import annotations

import pytest

pytest.importorskip("langchain_tests")

from langchain_tests.unit_tests import ChatModelUnitTests

from llmengine_integrations.langchain import ChatLLMEngine

URL = "http://127.0.0.1:5005"


class TestUnit(ChatModelUnitTests):
    @property
    def chat_model_class(self):
        return ChatLLMEngine

    @property
    def chat_model_params(self):
        return {"model": "llama-3-8b-instruct", "base_url": URL}

    @property
    def init_from_env_params(self):
        return (
            {"SCALE_API_KEY": "k", "LLM_ENGINE_BASE_PATH": URL},
            {"model": "llama-3-8b-instruct"},
            {"api_key": "k", "base_url": URL},
        )

    @pytest.mark.xfail(
        raises=ValueError,
        reason="langchain_core.load loads its own classes only, even with allowed_objects='all'; our round trip is in test_chat_secrets",
    )
    def test_serdes(self, model, snapshot):
        super().test_serdes(model, snapshot)


class TestUnitOverV1(TestUnit):
    """The same with prompts that are made here."""

    @property
    def chat_model_params(self):
        return {**super().chat_model_params, "api": "v1", "chat_template": "{{ messages }}"}

    @property
    def init_from_env_params(self):
        environment, params, expected = super().init_from_env_params
        return environment, {**params, "api": "v1", "chat_template": "{{ messages }}"}, expected
