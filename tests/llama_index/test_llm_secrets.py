"""What is serialized, pickled, shown and told in events: everything but the key."""

from __future__ import annotations

import json
import logging
import pickle

import httpx
import pytest
from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload, LlamaDebugHandler
from pydantic import ValidationError

from llmengine_integrations import Client, errors
from llmengine_integrations.llama_index import LLMEngine

from .endpoints import ALL, by_name
from .test_llm_endpoints import events  # noqa: F401 - a fixture

KEY = "sk-very-secret"
ELSEWHERE = "https://llm-engine.example.com"


@pytest.fixture
def llm():
    return LLMEngine(model="m", base_url=ELSEWHERE, api_key=KEY, temperature=0.3, max_new_tokens=5, stop=["\n"])


def test_nothing_shows_the_key(llm):
    shown = [
        repr(llm),
        str(llm),
        llm.to_json(),
        json.dumps(llm.to_dict()),
        json.dumps(llm.to_payload()),
        str(llm.model_dump()),
    ]
    assert [text for text in shown if KEY in text] == []


def test_what_is_serialized_can_be_loaded(llm, monkeypatch):
    with pytest.raises(errors.ConfigurationError, match="SCALE_API_KEY"):
        LLMEngine.from_dict(llm.to_dict())
    monkeypatch.setenv("SCALE_API_KEY", "another")
    for loaded in (
        LLMEngine.from_dict(llm.to_dict()),
        LLMEngine.from_json(llm.to_json()),
        LLMEngine.model_validate_json(llm.model_dump_json(exclude_unset=True)),
    ):
        assert loaded.to_dict() == llm.to_dict()
        assert loaded.class_name() == "LLMEngine"


@pytest.mark.parametrize("used", [False, True])
def test_a_pickle_holds_neither_key_nor_client(llm, monkeypatch, caplog, used):
    if used:
        assert llm._blocking() is not None
        assert llm._awaiting() is not None
    monkeypatch.setenv("SCALE_API_KEY", "another")
    with caplog.at_level(logging.DEBUG):
        pickled = pickle.dumps(llm)
        loaded = pickle.loads(pickled)  # noqa: S301 - our own
    assert KEY.encode() not in pickled
    assert caplog.records == []
    assert loaded.to_dict() == llm.to_dict()
    assert loaded.api_key is None
    assert llm.api_key.get_secret_value() == KEY, "pickling changes nothing"
    assert loaded._blocking().base_url == ELSEWHERE


def test_a_model_with_clients_of_ones_own_can_be_pickled(caplog, monkeypatch):
    headers = {"X-Team": "blue", "X-Api-Token": KEY}
    llm = LLMEngine(model="m", client=Client(ELSEWHERE, KEY, timeout=9, max_retries=1, default_headers=headers))
    stored = pickle.dumps(llm)
    assert KEY.encode() not in stored
    monkeypatch.setenv("SCALE_API_KEY", "another")
    loaded = pickle.loads(stored)  # noqa: S301 - our own
    assert caplog.records == []
    assert (loaded.to_dict(), loaded.timeout, loaded.client) == (llm.to_dict(), 9, None)
    assert loaded._awaiting()._transport.settings.headers["x-team"] == "blue"
    assert llm.client is not None


def test_a_model_with_an_http_client_cannot_be_pickled(make_llm):
    with pytest.raises(TypeError, match="http_client"):
        pickle.dumps(make_llm())


def test_an_error_of_another_field_does_not_show_the_key():
    with pytest.raises(ValidationError) as caught:
        LLMEngine(model="m", base_url=ELSEWHERE, api_key=KEY, max_new_tokens="many")
    assert KEY not in str(caught.value)


def test_the_payload_says_what_answers(llm):
    payload = llm.to_payload()
    assert payload["class_name"] == "LLMEngine"
    assert (payload["model"], payload["model_name"], payload["temperature"]) == ("m", "m", 0.3)
    assert payload["num_output"] == payload["max_new_tokens"] == 5
    assert "temperature" not in LLMEngine(model="m").to_payload()


@pytest.mark.parametrize("call", ALL, ids=by_name)
async def test_events_do_not_tell_the_key(call, gateway, events):  # noqa: F811 - the fixture
    debug = LlamaDebugHandler(print_trace_on_end=False)
    llm = LLMEngine(
        model="llama-2-7b",
        api_key=KEY,
        default_headers={"X-Team": KEY},
        http_client=httpx.Client(transport=httpx.MockTransport(gateway)),
        http_async_client=httpx.AsyncClient(transport=httpx.MockTransport(gateway.awaited)),
        temperature=0.5,
        callback_manager=CallbackManager([debug]),
    )
    await call(llm, "hi", max_tokens=3)
    start, _ = debug.get_event_pairs(CBEventType.LLM)[0]
    assert start.payload[EventPayload.SERIALIZED]["temperature"] == 0.5
    told = [repr(event.model_dump()) for event in events] + [
        repr(pair) for pair in debug.get_event_pairs(CBEventType.LLM)
    ]
    assert len(told) > 2
    assert [text for text in told if KEY in text] == []
    first = next(event for event in events if "Start" in event.class_name() and "LLM" in event.class_name())
    assert (first.model_dict["model"], first.model_dict["temperature"]) == ("llama-2-7b", 0.5)
