"""Chats over completions: what both adapters send, and how both read the reply."""

from __future__ import annotations

import pytest

from llmengine_integrations.prompting.chat_template import PLAIN_STOPS, ChatTemplate, plain_prompt
from llmengine_integrations.prompting.completion_replies import CompletionReading
from llmengine_integrations.prompting.completions_chat import CompletionsChatError, completions_chat, response_schema

CALL = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}
CHAT = [
    {"role": "user", "content": [{"type": "text", "text": "1 + 1?"}, {"type": "text", "text": "Quickly."}]},
    {"role": "developer", "content": "Be brief"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "1", "content": "2"},
    {"role": "user", "content": "Well?"},
]
ALTERNATING = (
    "{% for m in messages %}{% if m.role != 'system' and m.role == loop.previtem.role %}"
    "{{ raise_exception('Roles must alternate') }}{% endif %}<{{ m.role }}>{{ m.content }}{% endfor %}"
)
NATIVE = ALTERNATING + "{{ tools }}{% for m in messages %}{{ m.tool_calls }}{% endfor %}"


def test_a_formatter_gets_turns_of_text():
    found = completions_chat(CHAT, {}, repr)
    assert found.prompt == repr(
        [
            {"role": "system", "content": "Be brief"},
            {"role": "user", "content": "1 + 1?\nQuickly."},
            {"role": "assistant", "content": '{"name": "add", "arguments": {"a": 1}}'},
            {"role": "user", "content": "Result of add: 2\n\nWell?"},
        ]
    )


def test_a_template_that_knows_tools_gets_calls_and_results():
    seen = ChatTemplate(ALTERNATING + "{# tool_calls #}")
    assert "<tool>2<user>Well?" in completions_chat(CHAT, {}, seen).prompt
    options = {"tools": [TOOL], "tool_choice": "required"}
    assert "'name': 'add'" in completions_chat(CHAT, options, ChatTemplate(NATIVE)).prompt
    assert "To call a tool" not in completions_chat(CHAT, options, ChatTemplate(NATIVE)).prompt
    assert "To call a tool" in completions_chat(CHAT, options, ChatTemplate(ALTERNATING)).prompt


@pytest.mark.parametrize(
    ("options", "stops"),
    [
        ({}, PLAIN_STOPS),
        ({"stop": "END"}, ["END", *PLAIN_STOPS]),
        ({"stop": ["\nuser:"]}, PLAIN_STOPS),
        ({"stop": ["END"], "guided_regex": "a+"}, ["END"]),
        ({"response_format": {"type": "json_object"}}, []),
        ({"tools": [TOOL]}, []),
        ({"tools": [TOOL], "tool_choice": "none"}, PLAIN_STOPS),
    ],
)
def test_stop_strings(options, stops):
    assert completions_chat(CHAT, options, plain_prompt).stops == stops


@pytest.mark.parametrize(
    ("options", "parallel"),
    [
        ({}, True),
        ({"parallel_tool_calls": False}, False),
        ({"tool_choice": {"type": "function", "function": {"name": "add"}}}, False),
    ],
)
def test_one_reply_may_make_several_calls_unless_the_options_say_one(options, parallel):
    found = completions_chat(CHAT, {"tools": [TOOL], **options}, plain_prompt)
    assert found.tools is not None
    assert found.tools.parallel is parallel


@pytest.mark.parametrize("more", [{"tools": [TOOL]}, {"response_format": {"type": "json_object"}}])
def test_two_constraints_are_refused(more):
    with pytest.raises(CompletionsChatError, match="guided_regex cannot be combined"):
        completions_chat(CHAT, {"guided_regex": "a", **more}, plain_prompt)


def test_what_completions_do_not_have():
    with pytest.raises(CompletionsChatError, match="a part of type image_url"):
        completions_chat([{"role": "user", "content": [{"type": "image_url"}]}], {}, plain_prompt)
    with pytest.raises(CompletionsChatError, match="not 'grammar'"):
        response_schema({"type": "grammar"})
    assert response_schema({"type": "json_schema", "json_schema": {"name": "x"}}) == {"type": "object"}


@pytest.mark.parametrize(
    ("text", "count", "reason"),
    [
        ("Hello", 3, "stop"),
        ("Hello", 8, "length"),
        ("Hello", 0, None),
        ("", 0, "stop"),
        ("END", 0, "stop"),
        ('{"name": "add", "arguments": {}}', 8, "tool_calls"),
        ('[{"name": "add", "arguments": {}}, {"name": "add", "argu', 8, "length"),
    ],
)
def test_why_an_answer_ended(text, count, reason):
    tools = completions_chat(CHAT, {"tools": [TOOL]}, plain_prompt).tools
    reading = CompletionReading(8, ["END"], tools if text.startswith(("{", "[")) else None)
    reading.count(5, count)
    reading.push(text)
    reading.finish()
    assert reading.finish_reason(reading.reply(ended=True)) == reason
    known = {"prompt_tokens": 5, "completion_tokens": count, "total_tokens": 5 + count}
    assert reading.usage == (known if count or not text else {"prompt_tokens": 5})


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_the_pieces_add_up_to_the_text(size):
    text = " \n Hello there, EN and END of it"
    reading = CompletionReading(8, ["END"], strip=True)
    pieces = [reading.push(text[start : start + size]) for start in range(0, len(text), size)]
    assert "".join([*pieces, reading.finish()]) == reading.text == "Hello there, EN and "
    assert reading.stopped
