"""What is sent, for every way of calling: the instance's fields, and over them the call's own options."""

from __future__ import annotations

import inspect

import pydantic
import pytest

from llmengine_integrations import Client
from llmengine_integrations.langchain import LLMEngine
from llmengine_integrations.wire.completions import CompletionOptions

from . import calls

OPTIONS = {
    "temperature": 0.9,
    "max_new_tokens": 4,
    "top_k": 5,
    "top_p": 0.5,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.2,
    "include_stop_str_in_output": True,
    "skip_special_tokens": False,
    "guided_regex": ".*",
}


@pytest.mark.parametrize("call", calls.ALL)
async def test_answers(llm, gateway, call):
    assert await call(llm, "hello there") == " You said: hello there"
    assert gateway.requests == [
        {"prompt": "hello there", "model": "llama-2-7b", "max_new_tokens": 256, "temperature": 0.2}
    ]


@pytest.mark.parametrize("call", calls.ALL)
async def test_fields_are_sent(make_llm, gateway, call):
    await call(make_llm(**OPTIONS, stop=["END"], logprobs=True), "hello")
    assert gateway.last == {
        "prompt": "hello",
        "model": "llama-2-7b",
        "stop_sequences": ["END"],
        "return_token_log_probs": True,
        **OPTIONS,
    }


@pytest.mark.parametrize("call", calls.ALL)
async def test_options_of_a_call_win(make_llm, gateway, call):
    llm = make_llm(temperature=0.1, max_new_tokens=9, top_k=1, guided_json={"type": "object"}, stop=["A"])
    await call(llm, "hello", **OPTIONS, model="falcon-7b", logprobs=True, stop=["B", "C"])
    assert gateway.last == {
        "prompt": "hello",
        "model": "falcon-7b",
        "stop_sequences": ["B", "C"],
        "return_token_log_probs": True,
        **OPTIONS,
    }
    await call(llm, "hello")
    assert gateway.last["temperature"] == 0.1
    assert gateway.last["stop_sequences"] == ["A"]


@pytest.mark.parametrize("call", calls.ALL)
async def test_aliases_of_options(llm, gateway, call):
    await call(llm, "x", max_tokens=2, model_name="m2", stop_sequences=["B"], return_token_log_probs=True)
    assert gateway.last == {
        "prompt": "x",
        "model": "m2",
        "max_new_tokens": 2,
        "temperature": 0.2,
        "stop_sequences": ["B"],
        "return_token_log_probs": True,
    }


def test_aliases_of_fields(make_llm):
    llm = make_llm(max_tokens=7, stop_sequences=["A"], return_token_log_probs=True)
    assert (llm.max_new_tokens, llm.stop, llm.logprobs) == (7, ["A"], True)
    assert LLMEngine(model_name="m").model == "m"


@pytest.mark.parametrize("call", calls.ALL)
async def test_empty_stop_replaces_the_instances(make_llm, gateway, call):
    await call(make_llm(stop=["A"]), "x", stop=[])
    assert "stop_sequences" not in gateway.last


def test_logprobs_that_are_not_wanted_are_not_mentioned(make_llm, gateway):
    """TensorRT-LLM endpoints refuse the field."""
    make_llm(logprobs=False).invoke("x")
    assert "return_token_log_probs" not in gateway.last


@pytest.mark.parametrize("call", calls.ALL)
async def test_none_leaves_an_option_to_the_server(make_llm, gateway, call):
    await call(make_llm(top_k=5, temperature=0.7, stop=["A"]), "x", top_k=None, temperature=None, stop=None)
    assert "top_k" not in gateway.last
    assert gateway.last["temperature"] == 0.7
    assert gateway.last["stop_sequences"] == ["A"]


@pytest.mark.parametrize("call", calls.ALL)
async def test_misspelt_option_is_refused_before_anything_is_sent(llm, gateway, call):
    with pytest.raises(TypeError, match="'temprature'; did you mean 'temperature'"):
        await call(llm, "x", temprature=0.5)
    assert not gateway.requests


@pytest.mark.parametrize("call", calls.ALL)
async def test_option_under_two_names_is_refused(llm, call):
    message = "'max_new_tokens' is given twice, as 'max_tokens' and as 'max_new_tokens'"
    with pytest.raises(TypeError, match=message):
        await call(llm, "x", max_tokens=3, max_new_tokens=4)
    with pytest.raises(TypeError, match="'stop' is given twice, as 'stop' and as 'stop_sequences'"):
        await call(llm, "x", stop=["A"], stop_sequences=["A"])


def test_field_under_two_names_is_refused():
    message = "'max_new_tokens' is given twice, as 'max_tokens' and as 'max_new_tokens'"
    with pytest.raises(TypeError, match=message):
        LLMEngine(model="m", max_tokens=1, max_new_tokens=2)


@pytest.mark.parametrize("call", calls.ALL)
@pytest.mark.parametrize("name", ["stop", "stop_sequences"])
async def test_one_stop_string_is_not_taken_for_its_letters(make_llm, gateway, call, name):
    llm = make_llm(**{name: "said"})
    assert llm.stop == ["said"]
    assert await call(llm, "x") == " You"
    assert gateway.last["stop_sequences"] == ["said"]
    assert await call(llm, "x y", **{name: "y"}) == " You said: x"
    assert gateway.last["stop_sequences"] == ["y"]
    assert llm._get_ls_params(**{name: "A"})["ls_stop"] == ["A"]


def test_misspelt_field_is_refused():
    with pytest.raises(TypeError, match="'max_new_token'; did you mean 'max_new_tokens'"):
        LLMEngine(model="m", max_new_token=3)


def test_ranges_are_the_servers_to_check_but_not_types():
    assert LLMEngine(model="m", temperature=1.5).temperature == 1.5
    with pytest.raises(pydantic.ValidationError, match="temperature"):
        LLMEngine(model="m", temperature="hot")
    with pytest.raises(pydantic.ValidationError, match="max_concurrency"):
        LLMEngine(model="m", max_concurrency=0)


@pytest.mark.parametrize("call", calls.ALL)
async def test_timeout_of_a_call(gateway, call):
    gateway.delay = 0.2
    with gateway.served() as base_url:
        llm = LLMEngine(model="m", base_url=base_url, max_retries=0)
        with pytest.raises(TimeoutError):
            await call(llm, "x", timeout=0.05)
        assert await call(llm, "x") == " You said: x"


def test_every_option_of_the_client_is_a_field_and_defaults_are_the_same():
    names = {"stop_sequences": "stop", "return_token_log_probs": "logprobs"}
    fields = LLMEngine.model_fields
    assert {names.get(name, name) for name in CompletionOptions.__annotations__} <= set(fields)
    defaults = inspect.signature(Client().completions.create).parameters
    for name in ("max_new_tokens", "temperature"):
        assert fields[name].default == defaults[name].default


def test_base_url_is_the_clients(monkeypatch):
    assert LLMEngine(model="m").base_url == "http://127.0.0.1:5005"
    monkeypatch.setenv("LLM_ENGINE_BASE_PATH", "http://localhost:7000/path/")
    llm = LLMEngine(model="m")
    assert llm.base_url == "http://localhost:7000/path"
    assert llm._identifying_params["base_url"] == "http://localhost:7000/path"
    assert LLMEngine(model="m", base_url="http://localhost:1").base_url == "http://localhost:1"
    given = Client(base_url="http://localhost:2")
    assert LLMEngine(model="m", client=given).base_url == "http://localhost:2"


def test_key_is_the_clients(monkeypatch):
    """Where LangChain's users look for it. The environment is read by the client."""
    assert LLMEngine(model="m").api_key is None
    monkeypatch.setenv("SCALE_API_KEY", "outside")
    assert LLMEngine(model="m").api_key.get_secret_value() == "outside"
    assert LLMEngine(model="m", api_key="own").api_key.get_secret_value() == "own"
    given = Client(api_key="given")
    llm = LLMEngine(model="m", client=given)
    assert llm.api_key.get_secret_value() == "given"
    assert llm.connection.async_client.api_key == "given"


def test_a_given_sync_client_needs_no_key_for_async():
    """The other client is only made when it is used, so a missing key for it does not matter before."""
    given = Client(base_url="https://llm-engine.example.com", api_key="k")
    assert LLMEngine(model="m", client=given).base_url == "https://llm-engine.example.com"


def test_messages_and_prompt_values_as_input(llm, gateway):
    llm.invoke([("human", "hi")])
    assert gateway.last["prompt"] == "Human: hi"
