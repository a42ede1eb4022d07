"""Nothing that a model shows, logs, traces, serializes or raises holds the key or the credentials of a URL."""

from __future__ import annotations

import copy
import json
import pickle
import traceback

import httpx
import pydantic
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, dumps, loads
from pydantic import SecretStr

from llmengine_integrations import AsyncClient, Client, errors
from llmengine_integrations.langchain import LLMEngine

from . import calls

pytestmark = pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
KEY, PASSWORD = "sk-very-secret", "hunter2"


@pytest.fixture
def secretive(gateway):
    transport = httpx.MockTransport(gateway)
    url = f"http://user:{PASSWORD}@localhost:5005"
    settings = {"base_url": url, "api_key": KEY, "max_retries": 0}
    return LLMEngine(
        model="m",
        stop=["A"],
        guided_json={"type": "object"},
        client=Client(**settings, http_client=httpx.Client(transport=transport)),
        async_client=AsyncClient(**settings, http_client=httpx.AsyncClient(transport=transport)),
        **settings | {"api_key": SecretStr(KEY)},
    )


class Everything(BaseCallbackHandler):
    """All that a tracer is told."""

    def __init__(self):
        self.told = []

    def on_llm_start(self, *args, **kwargs):
        self.told.append((args, kwargs))

    def on_llm_end(self, *args, **kwargs):
        self.told.append((args, kwargs))

    def on_llm_error(self, error, **kwargs):
        self.told.append(("".join(traceback.format_exception(error)), vars(error), kwargs))


def assert_no_secret(shown):
    text = shown if isinstance(shown, str) else repr(shown)
    assert KEY not in text
    assert PASSWORD not in text


def test_nothing_shown_holds_a_secret(secretive):
    for shown in (
        repr(secretive),
        str(secretive),
        dumps(secretive),
        secretive.asdict() if hasattr(secretive, "asdict") else secretive.dict(),
        secretive.model_dump_json(),
        secretive.model_dump(),
        secretive._identifying_params,
        secretive._get_ls_params(),
        secretive.lc_attributes,
        secretive._serialized,
        secretive.connection,
        secretive.client,
    ):
        assert_no_secret(shown)


@pytest.mark.parametrize("call", calls.ALL)
async def test_nothing_traced_holds_a_secret(secretive, gateway, call):
    everything = Everything()
    await call(secretive, "x", config={"callbacks": [everything]})
    gateway.answers["y"] = lambda body: httpx.Response(401, headers={"set-cookie": KEY}, json={"detail": "no"})
    with pytest.raises(errors.AuthenticationError) as caught:
        await call(secretive, "y", config={"callbacks": [everything]})
    assert len(everything.told) == 4
    assert_no_secret(everything.told)
    assert_no_secret("".join(traceback.format_exception(caught.value)))


def test_an_error_about_a_field_does_not_show_the_key_beside_it():
    with pytest.raises(pydantic.ValidationError) as caught:
        LLMEngine(api_key=KEY)
    assert "model" in str(caught.value)
    assert_no_secret(str(caught.value))
    with pytest.raises(errors.ConfigurationError) as caught:
        LLMEngine(model="m", api_key=KEY, base_url=f"ftp://user:{PASSWORD}@host")
    assert_no_secret("".join(traceback.format_exception(caught.value)))


def loaded(text, **kwargs):
    return loads(text, allowed_objects=[LLMEngine], valid_namespaces=["llmengine_integrations"], **kwargs)


def test_round_trip_of_a_serialized_model(secretive):
    llm = loaded(dumps(secretive), secrets_map={"SCALE_API_KEY": KEY})
    assert llm._identifying_params == secretive._identifying_params
    assert llm.max_retries == 0
    assert llm.api_key.get_secret_value() == KEY


def test_serialized_form():
    serialized = dumpd(LLMEngine(model="m", api_key=KEY, temperature=0))
    assert serialized["id"] == ["llmengine_integrations", "langchain", "llm", "LLMEngine"]
    assert serialized["kwargs"]["api_key"] == {"lc": 1, "type": "secret", "id": ["SCALE_API_KEY"]}
    assert serialized["kwargs"]["temperature"] == 0
    assert serialized["kwargs"]["base_url"] == "http://127.0.0.1:5005"
    assert not {"client", "async_client", "connection"} & set(serialized["kwargs"])
    json.dumps(serialized)


def test_a_model_without_a_key_of_its_own_takes_the_environments_when_loaded(monkeypatch, gateway):
    text = dumps(LLMEngine(model="m"))
    monkeypatch.setenv("SCALE_API_KEY", "from-outside")
    with gateway.served() as base_url:
        loaded(text.replace("http://127.0.0.1:5005", base_url)).invoke("x")
    assert httpx.BasicAuth("from-outside", "")._auth_header == gateway.headers[-1]["authorization"]


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda llm: llm.model_copy(deep=True)])
def test_copies_share_the_clients(secretive, again):
    llm = again(secretive)
    assert llm is not secretive
    assert llm.client is secretive.client
    assert llm.invoke("x") == secretive.invoke("x")


def test_pickling_makes_the_clients_anew(gateway, monkeypatch):
    with gateway.served() as base_url:
        llm = LLMEngine(model="m", base_url=base_url, api_key=KEY, stop=["A"], tags=["t"])
        llm.invoke("x")
        pickled = pickle.dumps(llm)
        assert KEY.encode() not in pickled
        monkeypatch.setenv("SCALE_API_KEY", KEY)
        again = pickle.loads(pickled)  # noqa: S301
        assert again._identifying_params == llm._identifying_params
        assert again.tags == ["t"]
        assert again.invoke("x") == llm.invoke("x")
        assert gateway.headers[0]["authorization"] == gateway.headers[-1]["authorization"]


def test_a_model_with_given_clients_can_be_pickled(monkeypatch):
    headers = {"X-Team": "blue", "X-Api-Token": KEY}
    client = Client("http://localhost:7", KEY, timeout=9, max_retries=1, default_headers=headers)
    stored = pickle.dumps(LLMEngine(model="m", client=client))
    assert KEY.encode() not in stored
    monkeypatch.setenv("SCALE_API_KEY", "another")
    again = pickle.loads(stored)  # noqa: S301
    assert (again.client, again.base_url, again.timeout, again.max_retries) == (None, "http://localhost:7", 9, 1)
    assert again._connected().async_client._transport.settings.headers["x-team"] == "blue"


def test_a_model_with_an_http_client_cannot_be_pickled(secretive):
    with pytest.raises(TypeError, match="http_client"):
        pickle.dumps(secretive)


def test_the_key_is_sent(secretive, gateway):
    secretive.invoke("x")
    assert gateway.headers[-1]["authorization"] == httpx.BasicAuth(KEY, "")._auth_header
