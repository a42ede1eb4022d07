"""What a runtime is given: constraints and chats as data, in no library's form."""

from __future__ import annotations

import pytest

pytest.importorskip("llguidance")
pytestmark = pytest.mark.engine

from llmengine_integrations.engine.dialect.chat_requests import chat_work  # noqa: E402
from llmengine_integrations.engine.dialect.guided_fields import guided_constraint  # noqa: E402
from llmengine_integrations.engine.runtime.constraints import (  # noqa: E402
    ChoiceConstraint,
    GrammarConstraint,
    JsonConstraint,
    RegexConstraint,
    ToolCallConstraint,
)

GBNF = 'root ::= "a" | "b"'
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("guided_regex", "[0-9]+", RegexConstraint("[0-9]+")),
        ("guided_choice", ["yes", "no"], ChoiceConstraint(("yes", "no"))),
        ("guided_grammar", GBNF, GrammarConstraint(GBNF)),
    ],
)
def test_a_guided_field_stays_what_the_client_sent(field, value, expected):
    assert guided_constraint({field: value}) == expected


@pytest.mark.parametrize(
    "given", [SCHEMA, '{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}']
)
def test_a_schema_stays_a_schema(given):
    constraint = guided_constraint({"guided_json": given})
    assert isinstance(constraint, JsonConstraint)
    assert constraint.schema.value() == SCHEMA
    assert len({constraint, guided_constraint({"guided_json": SCHEMA})}) == 1  # runtimes keep compiled ones by value


async def test_forced_tools_and_a_response_format():
    chat = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": [TOOL]}
    (forced,), _ = await chat_work({**chat, "tool_choice": "required", "parallel_tool_calls": False})
    assert isinstance(forced.constraint, ToolCallConstraint)
    assert (forced.constraint.parallel, forced.constraint.reply) == (False, None)
    (tool,) = forced.constraint.tools
    assert (tool.name, tool.parameters.value()) == ("weather", {"additionalProperties": False, **SCHEMA})
    (either,), _ = await chat_work({**chat, "response_format": {"type": "json_object"}})
    assert isinstance(either.constraint, ToolCallConstraint)
    assert either.constraint.reply is not None
    assert either.constraint.reply.value() == {"type": "object"}


async def test_a_chat_is_messages_tools_and_variables():
    chat = {
        "model": "m",
        "messages": [{"role": "developer", "content": [{"type": "text", "text": "be kind"}]}],
        "tools": [TOOL],
        "documents": [{"text": "a fact"}],
        "chat_template_kwargs": {"enable_thinking": False, "tokenize": True},
        "continue_final_message": True,
        "add_generation_prompt": False,
    }
    (request,), _ = await chat_work(chat)
    prompt = request.prompt
    assert prompt.messages == [{"role": "system", "content": "be kind"}]
    assert prompt.tools == [TOOL]
    assert prompt.documents == [{"text": "a fact"}]
    assert (prompt.add_generation_prompt, prompt.continue_final_message) == (False, True)
    assert prompt.template_variables == {"enable_thinking": False, "tokenize": True}
