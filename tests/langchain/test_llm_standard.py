"""LLMEngine passes the standard tests of completion models: over the stand-in gateway, and with a real model."""

from __future__ import annotations

import httpx
import pytest

from llmengine_integrations.langchain import LLMEngine

from .standard_llm_tests import LLMIntegrationTests, LLMUnitTests


class TestUnit(LLMUnitTests):
    llm_class = LLMEngine

    @pytest.fixture
    def llm_params(self):
        return {"model": "llama-2-7b"}

    @property
    def secrets(self):
        return {
            "api_key": ("sk-secret", "sk-secret"),
            "base_url": ("http://user:hunter2@127.0.0.1:1", "hunter2"),
        }

    @property
    def env_params(self):
        url = "http://127.0.0.1:7000"
        return {"LLM_ENGINE_BASE_PATH": url, "SCALE_API_KEY": "k"}, {"model": "m"}, {"base_url": url, "api_key": "k"}


class Integration(LLMIntegrationTests):
    llm_class = LLMEngine

    @property
    def logprobs_params(self):
        return {"logprobs": True}

    @property
    def failing_params(self):
        return {"temperature": 1.5}


class TestOverTheStandIn(Integration):
    model_override = "falcon-7b"

    @pytest.fixture
    def llm_params(self, gateway):
        def refuse(body):
            return httpx.Response(422, json={"detail": []}) if body["temperature"] > 1 else None

        gateway.refuse = refuse
        with gateway.served() as base_url:
            yield {"model": "llama-2-7b", "temperature": 0, "base_url": base_url}


@pytest.mark.engine
class TestWithARealModel(Integration):
    model_override = "llama-2-7b"

    @pytest.fixture
    def llm_params(self, engine):
        from llmengine_integrations.engine import DEFAULT_MODEL_NAME  # noqa: PLC0415 - the fixture has checked for it

        return {
            "model": DEFAULT_MODEL_NAME,
            "base_url": engine.base_url,
            "api_key": engine.api_key,
            "temperature": 0,
            "max_new_tokens": 16,
        }
