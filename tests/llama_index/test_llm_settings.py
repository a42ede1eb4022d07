"""How a model is made: names, settings, metadata without asking anybody, and what `from_endpoint` asks."""

from __future__ import annotations

import httpx
import pytest
from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.indices.prompt_helper import PromptHelper
from llama_index.core.llms.function_calling import FunctionCallingLLM

from llmengine_integrations import errors
from llmengine_integrations.llama_index import LLMEngine

TOLD = "This model's maximum context length is 4096 tokens. However, you requested 16777217 tokens."


def endpoint(framework="vllm", **more):
    return {"name": "m", "status": "READY", "inference_framework": framework} | more


def refusal(message, status=400):
    return httpx.Response(status, json={"detail": message})


async def asked(clients, *, awaited, **fields):
    if awaited:
        return await LLMEngine.afrom_endpoint("m", **clients, **fields)
    return LLMEngine.from_endpoint("m", **clients, **fields)


both = pytest.mark.parametrize("awaited", [False, True])


def test_what_it_is():
    names = [base.__name__ for base in LLMEngine.__mro__]
    assert BaseLLM.__name__ in names
    assert FunctionCallingLLM.__name__ in names
    assert LLMEngine.class_name() == LLMEngine.__name__


def test_other_names_of_fields():
    llm = LLMEngine(model_name="m", max_tokens=3, stop_sequences=["x"], return_token_log_probs=True)
    assert (llm.model, llm.max_new_tokens, llm.stop, llm.logprobs) == ("m", 3, ["x"], True)


def test_misspelt_and_doubled_fields_are_refused():
    with pytest.raises(TypeError, match="'temprature'; did you mean 'temperature'"):
        LLMEngine(model="m", temprature=1)
    with pytest.raises(TypeError, match="'max_new_tokens' is given twice"):
        LLMEngine(model="m", max_tokens=1, max_new_tokens=2)
    with pytest.raises(TypeError, match="unexpected keyword argument '_client'"):
        LLMEngine(model="m", _client=1)


@pytest.mark.parametrize("name", ["top_k", "max_tokens", "stop_sequences", "sed"])
def test_additional_options_that_would_be_lost_are_refused(name):
    with pytest.raises(TypeError, match="'seed'" if name == "sed" else f"'{name}' is a field of the model"):
        LLMEngine(model="m", additional_kwargs={name: 1})


def test_a_server_beyond_loopback_needs_a_key():
    with pytest.raises(errors.ConfigurationError, match="SCALE_API_KEY"):
        LLMEngine(model="m", base_url="https://llm-engine.example.com")


def test_the_metadata_asks_nobody(make_llm, gateway):
    llm = make_llm(context_window=2048, max_new_tokens=100)
    assert llm.metadata.model_dump(exclude={"system_role"}) == {
        "context_window": 2048,
        "num_output": 100,
        "is_chat_model": True,
        "is_function_calling_model": True,
        "model_name": "llama-2-7b",
    }
    assert gateway.requests == []


@pytest.mark.parametrize(
    ("fields", "chats", "calls"),
    [
        ({}, True, True),
        ({"api": "v1"}, True, False),
        ({"api": "v1", "is_function_calling_model": True}, True, True),
        ({"is_function_calling_model": False}, True, False),
        ({"is_chat_model": False}, False, False),
    ],
)
def test_what_it_is_offered(make_llm, fields, chats, calls):
    metadata = make_llm(**fields).metadata
    assert (metadata.is_chat_model, metadata.is_function_calling_model) == (chats, calls)


def test_answers_need_room_for_a_prompt(make_llm):
    with pytest.raises(ValueError, match=r"max_new_tokens \(64\) leaves no room .* \(64\)"):
        make_llm(context_window=64, max_new_tokens=64)
    assert PromptHelper.from_llm_metadata(make_llm(context_window=600).metadata).context_window == 600


@both
async def test_the_endpoint_says_how_much_its_context_holds(clients, gateway, awaited):
    gateway.endpoints = [endpoint(name="other"), endpoint(spec={"metadata": {"max_model_len": "8192"}})]
    llm = await asked(clients, awaited=awaited)
    assert (llm.context_window, llm.api, llm.is_chat_model) == (8192, "v2", True)
    assert len(gateway.requests) == 1


@both
@pytest.mark.parametrize(
    ("framework", "message", "window"),
    [
        ("vllm", TOLD, 4096),
        ("vllm", f"'max_tokens' or 'max_completion_tokens' is too large: 16777216. {TOLD}", 4096),
        ("text_generation_inference", "`inputs` tokens + `max_new_tokens` must be <= 2048. Given: 1", 2048),
    ],
)
async def test_a_refusal_says_how_much_its_context_holds(clients, gateway, awaited, framework, message, window):
    gateway.endpoints, gateway.refusals = [endpoint(framework)], [refusal(message)]
    llm = await asked(clients, awaited=awaited)
    assert llm.context_window == window
    assert gateway.last["max_new_tokens"] > 10**6
    assert len(gateway.requests) == 2
    _ = llm.metadata
    assert len(gateway.requests) == 2


@both
@pytest.mark.parametrize(("framework", "count"), [("vllm", 2), ("deepspeed", 1), ("sglang", 1)])
async def test_where_nobody_says_it_a_warning_does(clients, gateway, awaited, framework, count):
    gateway.endpoints = [endpoint(framework)]
    gateway.refusals = [refusal("something else")]
    with pytest.warns(UserWarning, match="give context_window. Assuming 3900 tokens"):
        llm = await asked(clients, awaited=awaited)
    assert llm.context_window == 3900
    assert len(gateway.requests) == count


@both
async def test_what_is_given_wins(clients, gateway, awaited):
    gateway.endpoints = [endpoint(spec={"metadata": {"max_model_len": 8192}})]
    llm = await asked(clients, awaited=awaited, context_window=1000, api="v1", temperature=0)
    assert (llm.context_window, llm.api, llm.temperature) == (1000, "v1", 0)


@both
async def test_endpoints_without_chats_are_asked_over_v1(clients, gateway, awaited):
    gateway.endpoints = [endpoint("deepspeed", context_window=512)]
    llm = await asked(clients, awaited=awaited)
    assert (llm.api, llm.is_chat_model, llm.context_window) == ("v1", False, 512)


@both
async def test_no_such_endpoint(clients, gateway, awaited):
    gateway.endpoints = [endpoint(name="other")]
    with pytest.raises(errors.NotFoundError, match="m was not found"):
        await asked(clients, awaited=awaited)
