"""Whatever is given, a client or settings, both kinds of calls of every adapter go out with it, or are refused."""

from __future__ import annotations

import asyncio
import copy

import httpx
import pytest

from llmengine_integrations import AsyncClient, Client, Clients
from llmengine_integrations.errors import ConfigurationError

pytest.importorskip("langchain_core")
pytest.importorskip("llama_index.core")

from llmengine_integrations.langchain import ChatLLMEngine, LLMEngineFileLoader
from llmengine_integrations.langchain import LLMEngine as LangChainLLM
from llmengine_integrations.llama_index import LLMEngine, LLMEngineFileReader, LLMEngineFinetuneEngine

URL, KEY = "http://gateway.test/path", "sk-mine"
SETTINGS = {
    "base_url": URL,
    "api_key": KEY,
    "timeout": 7,
    "max_retries": 4,
    "default_headers": {"X-Team": "sk-blue"},
    "allow_http": True,
}
OWNERS = {
    "langchain llm": lambda **given: LangChainLLM(model="m", **given)._connected(),
    "langchain chat model": lambda **given: ChatLLMEngine(model="m", **given)._connected(),
    "langchain loader": lambda **given: LLMEngineFileLoader(**given)._clients,
    "llama_index llm": lambda **given: LLMEngine(model="m", **given)._connected(),
    "llama_index reader": lambda **given: LLMEngineFileReader(**given)._connected(),
    "llama_index engine": lambda **given: LLMEngineFinetuneEngine("m", [("q", "a")], **given),
    "clients": Clients,
}
GIVEN = {
    "settings": lambda: SETTINGS,
    "a client": lambda: {"client": Client(**SETTINGS)},
    "an async client": lambda: {"async_client": AsyncClient(**SETTINGS)},
    "both": lambda: {"client": Client(**SETTINGS), "async_client": AsyncClient(**SETTINGS)},
    "a client and its settings": lambda: {"client": Client(**SETTINGS), **SETTINGS},
}
owners = pytest.mark.parametrize("owner", OWNERS.values(), ids=OWNERS)


@pytest.fixture(autouse=True)
def the_environment_says_otherwise(monkeypatch):
    monkeypatch.setenv("LLM_ENGINE_BASE_PATH", "http://elsewhere.test")
    monkeypatch.setenv("SCALE_API_KEY", "sk-environment")


class Seen:
    """Answers every request, and remembers it."""

    def __init__(self):
        self.requests = []
        self.blocking = httpx.Client(transport=httpx.MockTransport(self._answer))
        self.awaited = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request):
        self.requests.append(request)
        return httpx.Response(200, json={"jobs": []})


@owners
@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_both_clients_have_the_settings(owner, given):
    clients = owner(**given())
    one, other = (client._transport.settings for client in (clients.client, clients.async_client))
    assert one == other
    assert (one.base_url, one.api_key, one.timeouts.read, one.max_retries, one.permitted) == (URL, KEY, 7, 4, True)
    assert one.headers["x-team"] == "sk-blue"


@owners
@pytest.mark.parametrize("wrapped", [True, False], ids=["in a client", "itself"])
def test_nothing_goes_around_an_http_client(owner, wrapped):
    seen = Seen()
    given = (
        {"client": Client(**SETTINGS, http_client=seen.blocking)}
        if wrapped
        else SETTINGS | {"http_client": seen.blocking}
    )
    clients = owner(**given)
    clients.client.fine_tunes.list()
    with pytest.raises(ConfigurationError, match=r"http_async_client=httpx\.AsyncClient\(\.\.\.\).*async_client="):
        asyncio.run(clients.async_client.fine_tunes.list())
    assert len(seen.requests) == 1

    clients = owner(**given, http_async_client=seen.awaited)
    asyncio.run(clients.async_client.fine_tunes.list())
    assert [str(request.url) for request in seen.requests] == [f"{URL}/v1/llm/fine-tunes"] * 2
    assert seen.requests[0].headers["authorization"] == seen.requests[1].headers["authorization"]
    assert seen.requests[1].headers["x-team"] == "sk-blue"


@owners
@pytest.mark.parametrize("wrapped", [True, False], ids=["in a client", "itself"])
def test_nor_around_an_asynchronous_one(owner, wrapped):
    seen = Seen()
    own = {"async_client": AsyncClient(**SETTINGS, http_client=seen.awaited)}
    clients = owner(**(own if wrapped else SETTINGS | {"http_async_client": seen.awaited}))
    asyncio.run(clients.async_client.fine_tunes.list())
    with pytest.raises(ConfigurationError, match=r"http_client=httpx\.Client\(\.\.\.\).*client=Client"):
        clients.client.fine_tunes.list()
    assert len(seen.requests) == 1


@owners
@pytest.mark.parametrize("kind", ["client", "async_client"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("base_url", "http://another.test"),
        ("api_key", "sk-another"),
        ("timeout", 8),
        ("max_retries", 0),
        ("default_headers", {"X-Team": "sk-red"}),
    ],
)
def test_a_setting_that_is_not_the_clients_is_refused(owner, kind, name, value):
    given = Client(**SETTINGS) if kind == "client" else AsyncClient(**SETTINGS)
    with pytest.raises(ConfigurationError, match=f"^{name} and {kind} are both given") as caught:
        owner(**{kind: given, name: value})
    assert "sk-" not in str(caught.value)


@owners
def test_an_http_client_beside_a_client_is_refused(owner):
    with pytest.raises(ConfigurationError, match=r"^http_client and client .* Give http_client to the client"):
        owner(client=Client(**SETTINGS), http_client=Seen().blocking)


@pytest.mark.parametrize("model", [LangChainLLM, ChatLLMEngine, LLMEngine])
class TestModels:
    def test_nothing_shows_the_headers(self, model):
        seen = Seen()
        llm = model(model="m", **SETTINGS, http_client=seen.blocking, http_async_client=seen.awaited)
        shown = [repr(llm), str(llm), str(llm.model_dump()), llm.model_dump_json()]
        shown += (
            [str(llm.to_json()), str(llm._identifying_params)]
            if hasattr(llm, "_identifying_params")
            else [llm.to_json()]
        )
        assert [text for text in shown if "sk-blue" in text] == []

    @pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda llm: llm.model_copy(deep=True)])
    def test_copies_share_the_clients(self, model, again):
        seen = Seen()
        llm = model(model="m", **SETTINGS, http_client=seen.blocking, http_async_client=seen.awaited)
        assert again(llm)._connected() is llm._connected()

    def test_a_copy_with_another_setting_has_it(self, model):
        llm = model(model="m", **SETTINGS)
        other = llm.model_copy(update={"base_url": "http://third.test", "default_headers": None})
        settings = other._connected().async_client._transport.settings
        assert (settings.base_url, settings.api_key, settings.headers.get("x-team")) == ("http://third.test", KEY, None)
        assert llm._connected().base_url == URL

    def test_a_copy_with_another_client_takes_its_settings(self, model):
        llm = model(model="m", client=Client(**SETTINGS))
        other = llm.model_copy(update={"client": Client("http://third.test", "sk-third", max_retries=1)})
        clients = other._connected()
        assert (clients.base_url, clients.api_key, clients.max_retries) == ("http://third.test", "sk-third", 1)


def test_a_tuned_model_goes_where_the_engine_went():
    job = {"id": "ft-1", "status": "SUCCESS", "fine_tuned_model": "m.tuned"}
    answers = httpx.MockTransport(lambda request: httpx.Response(200, json=job))
    client = Client(**SETTINGS, http_client=httpx.Client(transport=answers))
    tuning = LLMEngineFinetuneEngine("m", start_job_id="ft-1", client=client)
    assert tuning.get_finetuned_model()._connected().client is client
    with pytest.raises(ConfigurationError, match="timeout"):
        tuning.get_finetuned_model(timeout=3)
    with pytest.raises(ConfigurationError, match="http_async_client"):
        asyncio.run(tuning.get_finetuned_model().acomplete("x"))
