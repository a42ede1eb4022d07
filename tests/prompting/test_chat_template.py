"""Chat templates: what models' own write, and that they can do nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH
from llmengine_integrations.prompting.chat_template import (
    PLAIN_STOPS,
    ChatTemplate,
    ChatTemplateError,
    plain_prompt,
    without_tool_messages,
)
from llmengine_integrations.prompting.completions_chat import turn_stops

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
VICUNA = (
    "{% for m in messages %}{{ m['role'] | upper }}: {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
CALL = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
CHAT = [
    {"role": "developer", "content": "Be brief"},
    {"role": "user", "content": "1 + 1 < 3 & so on?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "1", "content": "2"},
]


def test_the_default_models_own_as_transformers_writes_it():
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(DEFAULT_MODEL_PATH)
    read = [{**message, "content": message["content"] or ""} for message in CHAT]
    read[0]["role"] = "system"
    read[2]["tool_calls"] = [{**CALL, "function": {"name": "add", "arguments": {"a": 1}}}]
    expected = tokenizer.apply_chat_template(read, tools=[TOOL], add_generation_prompt=True, tokenize=False)
    template = ChatTemplate(tokenizer.chat_template, bos_token=tokenizer.bos_token)
    assert template.render(CHAT, tools=[TOOL]) == expected.removeprefix(tokenizer.bos_token)
    assert (template.shows_tools, template.shows_tool_calls) == (True, True)
    assert turn_stops(template) == ["<|end|>", "<|user|>"]


@pytest.mark.parametrize(
    ("formatter", "stops"),
    [
        (ChatTemplate(CHATML), ["<|im_end|>", "<|im_start|>"]),
        (ChatTemplate(VICUNA), ["\nUSER:"]),
        (plain_prompt, PLAIN_STOPS),
        (lambda messages: " ".join(message["content"] for message in messages), []),
    ],
)
def test_where_an_answer_is_over(formatter, stops):
    assert turn_stops(formatter) == stops


def test_a_template_that_refuses_says_why():
    template = ChatTemplate("{{ raise_exception('Roles must alternate') }}")
    with pytest.raises(ChatTemplateError, match="Roles must alternate"):
        template.render([{"role": "user", "content": "hi"}])
    assert turn_stops(template) == []


@pytest.mark.parametrize(
    "source",
    ["{{ messages.__class__.__mro__ }}", "{{ ''.__class__.__base__.__subclasses__() }}", "{{ messages.append(1) }}"],
)
def test_a_template_cannot_reach_out(source):
    with pytest.raises(ChatTemplateError):
        ChatTemplate(source).render([{"role": "user", "content": "hi"}])


def test_variables_the_clock_and_the_marks_of_training():
    source = "{%- generation -%}{{ mood }} {{ strftime_now('%Y') | length }}{%- endgeneration -%}"
    assert ChatTemplate(source, variables={"mood": "calm"}).render([]) == "calm 4"


def test_plain_lines():
    assert plain_prompt([{"role": "user", "content": "hi"}, {"role": "assistant"}]) == "user: hi\nassistant:"


def test_tools_in_words():
    told = without_tool_messages(CHAT)
    assert [message["role"] for message in told] == ["developer", "user", "assistant", "user"]
    assert told[2]["content"] == '{"name": "add", "arguments": {"a": 1}}'
    assert told[3]["content"] == "Result of add: 2"
    assert CHAT[2]["content"] is None, "the chat stays as it is"


def test_without_jinja_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['jinja2'] = None\n"
        "from llmengine_integrations.prompting.chat_template import ChatTemplate\nChatTemplate('x')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert "pip install jinja2" in done.stderr
