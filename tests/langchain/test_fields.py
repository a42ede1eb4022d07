"""A field that a model takes is sent, is part of a cached answer's key, and is known to type checkers."""

from __future__ import annotations

import json

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.llms import BaseLLM

from _constructor_stubs import stubbed_names
from llmengine_integrations.langchain import ChatLLMEngine, LLMEngine
from llmengine_integrations.langchain._connection import Connected, constructor_names

SENT = {
    "model": "other",
    "temperature": 0.5,
    "max_new_tokens": 77,
    "stop": ["END"],
    "logprobs": True,
    "top_k": 3,
    "top_p": 0.25,
    "presence_penalty": 0.125,
    "frequency_penalty": 0.375,
    "include_stop_str_in_output": True,
    "skip_special_tokens": False,
    "guided_json": {"type": "object"},
    "guided_regex": "a+",
    "guided_choice": ["a", "b"],
    "guided_grammar": "root ::= 'a'",
}
SENT_OF_CHATS = {
    **SENT,
    "n": 2,
    "seed": 4,
    "top_logprobs": 5,
    "min_p": 0.0625,
    "repetition_penalty": 1.5,
    "reasoning_effort": "low",
    "chat_template": "{{ messages }}",
    "chat_template_kwargs": {"enable_thinking": False},
}
HOW_TO_CALL = {"max_concurrency", "tokenizer"}
HOW_TO_CHAT = {*HOW_TO_CALL, "model_kwargs", "streaming", "stream_usage", "api", "formatter", "role_stops"}

KINDS = [
    pytest.param(LLMEngine, BaseLLM, set(SENT), HOW_TO_CALL, id="LLMEngine"),
    pytest.param(ChatLLMEngine, BaseChatModel, set(SENT_OF_CHATS), HOW_TO_CHAT, id="ChatLLMEngine"),
]


@pytest.mark.parametrize(("model", "base", "sent", "how"), KINDS)
def test_each_field_is_accounted_for(model, base, sent, how):
    """Whoever adds a field says here that it is sent, and the tests below try that; or that it says how to call."""
    assert model.model_fields.keys() - base.model_fields.keys() - Connected.model_fields.keys() == sent | how


@pytest.mark.parametrize(("model", "base", "sent", "how"), KINDS)
def test_the_constructor_that_type_checkers_see(model, base, sent, how):
    names = constructor_names(model)
    assert stubbed_names(model) == {name for name in names if names[name] not in base.model_fields} - {"connection"} | (
        {"tokenizer"} & how
    )


@pytest.mark.parametrize(("name", "value"), SENT.items(), ids=SENT)
def test_a_completion_model_sends_it_and_keeps_its_answers_apart(make_llm, gateway, name, value):
    assert make_llm(**{name: value})._identifying_params != make_llm()._identifying_params
    make_llm(**{name: value}).invoke("x")
    assert value in gateway.last.values()


@pytest.mark.parametrize(("name", "value"), SENT_OF_CHATS.items(), ids=SENT_OF_CHATS)
def test_a_chat_model_sends_it_and_keeps_its_answers_apart(make_chat, chat_gateway, name, value):
    fields = {"guided_regex": None, name: value}
    assert make_chat(**fields)._get_llm_string() != make_chat()._get_llm_string()
    make_chat(**fields).invoke("x")
    assert json.dumps(value) in {json.dumps(sent) for sent in chat_gateway.last.values()}


class WithMore(ChatLLMEngine):
    """A model of a user's, with fields that this one does not have."""

    min_tokens: int | None = None
    user: str | None = None


def test_fields_of_a_subclass(chat, chat_gateway):
    clients = {"client": chat.client, "async_client": chat.async_client}
    model = WithMore(model="m", min_tokens=3, **clients)
    assert model._get_llm_string() != WithMore(model="m", **clients)._get_llm_string()
    model.invoke("x", user="me")
    assert {name: chat_gateway.last[name] for name in ("min_tokens", "user")} == {"min_tokens": 3, "user": "me"}
    with pytest.raises(TypeError, match="min_tokens"):
        WithMore(model="m", model_kwargs={"min_tokens": 3})


def test_labels_of_traces_are_not_sent(make_chat, chat_gateway):
    make_chat(metadata={"team": "search"}).invoke("x")
    assert "metadata" not in chat_gateway.last
