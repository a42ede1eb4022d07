"""Nothing that a chat model shows, logs, traces, serializes or raises holds the key or the credentials of a URL."""

from __future__ import annotations

import json
import traceback

import httpx
import pydantic
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, dumps, loads
from pydantic import SecretStr

from llmengine_integrations import AsyncClient, Client, errors
from llmengine_integrations.langchain import ChatLLMEngine

from . import chat_calls as calls

pytestmark = pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
KEY, PASSWORD = "sk-very-secret", "hunter2"


@pytest.fixture(params=["v2", "v1"])
def secretive(chat_gateway, request):
    transport = httpx.MockTransport(chat_gateway)
    settings = {"base_url": f"http://user:{PASSWORD}@localhost:5005", "api_key": KEY, "max_retries": 0}
    return ChatLLMEngine(
        model="m",
        stop=["A"],
        temperature=0.5,
        api=request.param,
        chat_template="{{ messages }}",
        client=Client(**settings, http_client=httpx.Client(transport=transport)),
        async_client=AsyncClient(**settings, http_client=httpx.AsyncClient(transport=transport)),
        **settings | {"api_key": SecretStr(KEY)},
    )


class Everything(BaseCallbackHandler):
    """All that a tracer is told."""

    def __init__(self):
        self.told = []

    def on_chat_model_start(self, *args, **kwargs):
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
        dumps(secretive.bind(stop=["B"])),
        secretive.asdict() if hasattr(secretive, "asdict") else secretive.dict(),
        secretive.model_dump_json(),
        secretive.model_dump(),
        secretive._identifying_params,
        secretive._get_ls_params(),
        secretive._get_llm_string(),
        secretive.lc_attributes,
        secretive._serialized,
    ):
        assert_no_secret(shown)


@pytest.mark.parametrize("call", calls.ALL)
async def test_nothing_traced_holds_a_secret(secretive, chat_gateway, call):
    everything = Everything()
    await call(secretive, "x", config={"callbacks": [everything]})
    chat_gateway.refuse = lambda body: httpx.Response(401, headers={"set-cookie": KEY}, json={"detail": "no"})
    with pytest.raises(errors.AuthenticationError) as caught:
        await call(secretive, "y", config={"callbacks": [everything]})
    assert len(everything.told) == 4
    assert_no_secret(everything.told)
    assert_no_secret("".join(traceback.format_exception(caught.value)))


def test_an_error_about_a_field_does_not_show_the_key_beside_it():
    for fields in ({}, {"model": "m", "api": "v1"}):
        with pytest.raises(pydantic.ValidationError) as caught:
            ChatLLMEngine(api_key=KEY, **fields)
        assert_no_secret(str(caught.value))


def loaded(text, **kwargs):
    return loads(text, allowed_objects=[ChatLLMEngine], valid_namespaces=["llmengine_integrations"], **kwargs)


def test_round_trip_of_a_serialized_model(secretive):
    chat = loaded(dumps(secretive), secrets_map={"SCALE_API_KEY": KEY})
    assert chat._identifying_params == secretive._identifying_params
    assert chat.max_retries == 0
    assert chat.api_key.get_secret_value() == KEY


def test_serialized_form():
    serialized = dumpd(ChatLLMEngine(model="m", api_key=KEY, temperature=0, model_kwargs={"user": "me"}))
    assert serialized["id"] == ["llmengine_integrations", "langchain", "chat_model", "ChatLLMEngine"]
    assert serialized["kwargs"]["api_key"] == {"lc": 1, "type": "secret", "id": ["SCALE_API_KEY"]}
    assert serialized["kwargs"]["base_url"] == "http://127.0.0.1:5005"
    assert serialized["kwargs"]["model_kwargs"] == {"user": "me"}
    assert not {"client", "async_client", "connection", "formatter", "tokenizer"} & set(serialized["kwargs"])
    json.dumps(serialized)


def test_a_formatter_is_not_serialized_and_missed_when_loaded():
    text = dumps(ChatLLMEngine(model="m", api="v1", formatter=str))
    with pytest.raises(pydantic.ValidationError, match="needs a chat_template"):
        loaded(text)
