from __future__ import annotations

import httpx
import pytest

from llmengine_integrations import AsyncClient, Client

from .gateway import Gateway


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch):
    for name in ("LLM_ENGINE_BASE_PATH", "LLM_ENGINE_SERVE_BASE_PATH", "SCALE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def gateway():
    return Gateway()


@pytest.fixture
def clients(gateway):
    """Clients of both kinds over the stand-in gateway."""
    return {
        "client": Client(max_retries=0, http_client=httpx.Client(transport=httpx.MockTransport(gateway))),
        "async_client": AsyncClient(
            max_retries=0, http_client=httpx.AsyncClient(transport=httpx.MockTransport(gateway.awaited))
        ),
    }


@pytest.fixture
def make_llm(clients):
    """Makes models over the stand-in gateway."""
    from llmengine_integrations.llama_index import LLMEngine  # noqa: PLC0415 - other tests here need no model

    return lambda **fields: LLMEngine(**{"model": "llama-2-7b", **clients, **fields})


@pytest.fixture(params=["v2", "v1", "completion model"])
def llm(request, make_llm):
    """A chat model over either route, and a model that only completes."""
    if request.param == "completion model":
        return make_llm(is_chat_model=False, api="v1")
    return make_llm(api=request.param)
