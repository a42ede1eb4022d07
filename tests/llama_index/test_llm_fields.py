"""A field that the model takes is sent, over both routes where both have it, and is known to type checkers."""

from __future__ import annotations

import pytest
from llama_index.core.llms.function_calling import FunctionCallingLLM

from _constructor_stubs import stubbed_names
from llmengine_integrations.llama_index import LLMEngine
from llmengine_integrations.llama_index._connection import Connected
from llmengine_integrations.llama_index._options import ALIASES

from .endpoints import chat_of

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
SENT_OVER_V2 = {**SENT, "top_logprobs": 5}
HOW_TO_CALL = {"additional_kwargs", "api", "chat_template", "bos_token", "context_window", "is_chat_model"}
HOW_TO_CALL |= {"is_function_calling_model"}


def own_fields():
    return LLMEngine.model_fields.keys() - FunctionCallingLLM.model_fields.keys() - Connected.model_fields.keys()


def test_each_field_is_accounted_for():
    """Whoever adds a field says here that it is sent, and the tests below try that; or that it says how to call."""
    assert own_fields() == SENT_OVER_V2.keys() | HOW_TO_CALL


def test_the_constructor_that_type_checkers_see():
    fields = own_fields() | Connected.model_fields.keys() - FunctionCallingLLM.model_fields.keys()
    aliases = {alias for alias, name in ALIASES.items() if name in fields}
    assert stubbed_names(LLMEngine) == fields | aliases | {"system_prompt"}


@pytest.mark.parametrize(
    ("api", "name", "value"),
    [("v2", *field) for field in SENT_OVER_V2.items()] + [("v1", *field) for field in SENT.items()],
)
def test_it_is_sent(make_llm, gateway, api, name, value):
    make_llm(api=api, **{name: value}).chat(chat_of("hi"))
    sent = [found for field, found in gateway.last.items() if found == value and field != "stream"]
    assert sent or value[0] in gateway.last["stop_sequences"]


class WithSeed(LLMEngine):
    """A model of a user's, with a field that this one does not have."""

    seed: int | None = None


def test_fields_of_a_subclass(clients, gateway):
    WithSeed(model="m", seed=4, **clients).chat(chat_of("hi"))
    assert gateway.last["seed"] == 4
    with pytest.raises(TypeError, match="'seed' is a field of the model"):
        WithSeed(model="m", additional_kwargs={"seed": 4}, **clients)
