"""The model inside LangChain: chains, fallbacks, retries, fields and alternatives chosen per call, tracing params."""

from __future__ import annotations

import httpx
import pytest
from langchain_core.output_parsers import CommaSeparatedListOutputParser, StrOutputParser
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import ConfigurableField

from llmengine_integrations import __version__, errors
from llmengine_integrations.langchain import LLMEngine

from . import calls
from .gateway import Gateway


def unavailable(body):
    return httpx.Response(503, json={"detail": "later"})


@pytest.mark.parametrize("call", calls.ALL)
async def test_in_a_chain(llm, gateway, call):
    chain = PromptTemplate.from_template("Tell me about {subject}.") | llm.bind(stop=["."]) | StrOutputParser()
    assert await call(chain, {"subject": "cats"}) == " You said: Tell me about cats"
    assert gateway.last["stop_sequences"] == ["."]


async def test_a_parser_that_streams(llm):
    chain = llm | CommaSeparatedListOutputParser()
    assert [part async for part in chain.astream("a, b")] == [["You said: a"], ["b"]]


@pytest.mark.parametrize("call", calls.ALL)
async def test_bound_options(llm, gateway, call):
    await call(llm.bind(temperature=0.9, max_tokens=2), "x")
    assert (gateway.last["temperature"], gateway.last["max_new_tokens"]) == (0.9, 2)


@pytest.mark.parametrize("call", calls.ALL)
async def test_fallbacks_by_class_of_error(make_llm, gateway, call):
    gateway.answers["x"] = lambda body: unavailable(body) if body["model"] == "first" else None
    other = Gateway()
    second = make_llm(model="second")
    gateway.answers["x"] = lambda body: unavailable(body) if body["model"] == "first" else other._completion(body)
    if call in calls.STREAMED:
        gateway.answers["x"] = lambda body: unavailable(body) if body["model"] == "first" else other._stream(body)
    llm = make_llm(model="first").with_fallbacks([second], exceptions_to_handle=(errors.ServerError,))
    assert await call(llm, "x") == " You said: x"
    assert [request["model"] for request in gateway.requests] == ["first", "second"]


@pytest.mark.parametrize("call", calls.WHOLE)
async def test_with_retry(llm, gateway, call):
    replies = [unavailable, unavailable]
    gateway.answers["x"] = lambda body: replies.pop()(body) if replies else gateway._completion(body)
    llm = llm.with_retry(
        retry_if_exception_type=(errors.ServerError,), stop_after_attempt=3, wait_exponential_jitter=False
    )
    assert await call(llm, "x") == " You said: x"
    assert len(gateway.requests) == 3


@pytest.mark.parametrize("call", calls.ALL)
async def test_configurable_fields(llm, gateway, call):
    flexible = llm.configurable_fields(
        temperature=ConfigurableField(id="heat"), max_new_tokens=ConfigurableField(id="tokens")
    )
    await call(flexible, "x", config={"configurable": {"heat": 0.75, "tokens": 2}})
    assert (gateway.last["temperature"], gateway.last["max_new_tokens"]) == (0.75, 2)
    await call(flexible, "x")
    assert gateway.last["temperature"] == 0.2


def test_configurable_fields_keep_the_connections(monkeypatch):
    llm = LLMEngine(model="m", api_key="k", timeout=5)
    flexible = llm.configurable_fields(temperature=ConfigurableField(id="heat"), base_url=ConfigurableField(id="url"))
    warm, _ = flexible.prepare({"configurable": {"heat": 0.9}})
    assert warm.connection.client is llm.connection.client
    elsewhere, _ = flexible.prepare({"configurable": {"url": "http://localhost:1"}})
    assert elsewhere.connection.client.base_url == "http://localhost:1"
    assert elsewhere._identifying_params["base_url"] == "http://localhost:1"
    assert llm.connection.client.base_url == "http://127.0.0.1:5005"


def test_changed_fields_change_the_connection():
    llm = LLMEngine(model="m")
    copied = llm.model_copy(update={"base_url": "http://user:pw@localhost:1/"})
    assert copied._identifying_params["base_url"] == "http://localhost:1"
    assert llm._identifying_params["base_url"] == "http://127.0.0.1:5005"
    assert llm.model_copy(update={"temperature": 0.9})._connected() is llm._connected()


@pytest.mark.parametrize("call", calls.ALL)
async def test_configurable_alternatives(make_llm, gateway, call):
    flexible = make_llm(model="big").configurable_alternatives(
        ConfigurableField(id="size"), default_key="big", small=make_llm(model="small")
    )
    await call(flexible, "x", config={"configurable": {"size": "small"}})
    await call(flexible, "x")
    assert [request["model"] for request in gateway.requests] == ["small", "big"]


def test_langsmith_params(make_llm):
    llm = make_llm(temperature=0.3, max_tokens=9, stop=["A"])
    assert llm._get_ls_params() == {
        "ls_provider": "llmengine",
        "ls_model_type": "llm",
        "ls_model_name": "llama-2-7b",
        "ls_temperature": 0.3,
        "ls_max_tokens": 9,
        "ls_stop": ["A"],
    }
    overridden = llm._get_ls_params(stop=["B"], model="other", temperature=1.0, max_tokens=1)
    assert overridden == {
        "ls_provider": "llmengine",
        "ls_model_type": "llm",
        "ls_model_name": "other",
        "ls_temperature": 1.0,
        "ls_max_tokens": 1,
        "ls_stop": ["B"],
    }


def test_identifying_params_name_every_sampling_field(make_llm):
    fields = {
        "model": "m",
        "temperature": 0.3,
        "max_new_tokens": 9,
        "stop": ["A"],
        "logprobs": True,
        "top_k": 2,
        "top_p": 0.5,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "include_stop_str_in_output": True,
        "skip_special_tokens": False,
        "guided_json": {"type": "object"},
        "guided_regex": "a",
        "guided_choice": ["b"],
        "guided_grammar": "c",
    }
    assert make_llm(**fields)._identifying_params == {"base_url": "http://127.0.0.1:5005", **fields}


def test_a_guided_option_of_a_call_replaces_another(make_llm, gateway):
    make_llm(guided_json={"type": "object"}, guided_regex=None).invoke("x", guided_choice=["a"])
    assert gateway.last["guided_choice"] == ["a"]
    assert "guided_json" not in gateway.last


@pytest.mark.skipif(not hasattr(LLMEngine, "_add_version"), reason="langchain-core stamps versions since 1.5")
def test_version_stamp(llm):
    versions = llm.metadata["lc_versions"]
    assert versions["llmengine-integrations"] == __version__
    assert "langchain-core" in versions
