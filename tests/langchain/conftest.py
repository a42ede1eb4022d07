from __future__ import annotations

import httpx
import pytest

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.langchain import ChatLLMEngine, LLMEngine
from recordings import serializer

from .chat_cassettes import same_question
from .chat_gateway import ChatGateway
from .gateway import Gateway


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch):
    for name in ("LLM_ENGINE_BASE_PATH", "LLM_ENGINE_SERVE_BASE_PATH", "SCALE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def maker(gateway, kind, model):
    transport = httpx.MockTransport(gateway)

    def make(**fields):
        retries = fields.pop("max_retries", 0)
        client = Client(max_retries=retries, http_client=httpx.Client(transport=transport))
        async_client = AsyncClient(max_retries=retries, http_client=httpx.AsyncClient(transport=transport))
        return kind(**{"model": model, "client": client, "async_client": async_client} | fields)

    return make


@pytest.fixture
def gateway():
    return Gateway()


@pytest.fixture
def make_llm(gateway):
    """Makes models over the stand-in gateway."""
    return maker(gateway, LLMEngine, "llama-2-7b")


@pytest.fixture
def llm(make_llm):
    return make_llm()


@pytest.fixture
def chat_gateway():
    return ChatGateway()


@pytest.fixture
def make_chat(chat_gateway):
    """Makes chat models over the stand-in gateway."""
    return maker(chat_gateway, ChatLLMEngine, "m")


@pytest.fixture
def chat(make_chat):
    return make_chat()


@pytest.hookimpl(optionalhook=True)
def pytest_recording_configure(config, vcr):
    vcr.register_serializer("readable", serializer)
    vcr.register_matcher("same_question", same_question)
