"""Tool calls by guided JSON: the schema lets through what it should, and what it lets through is read."""

from __future__ import annotations

import json

import pytest

from llmengine_integrations.prompting.guided_tools import GuidedCall, GuidedTools, calls_text

ADDRESS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SEND = {
    "name": "send",
    "parameters": {
        "type": "object",
        "properties": {"to": {"$ref": "#/$defs/Address"}},
        "required": ["to"],
        "$defs": {"Address": ADDRESS},
    },
}
ASK = {"name": "ask", "parameters": {**SEND["parameters"], "$defs": {"Address": {"type": "string"}}}}
STOP = {"name": "stop"}
TOOLS = [{"type": "function", "function": function} for function in (SEND, ASK, STOP)]
TO_PARIS = {"name": "send", "arguments": {"to": {"city": "Paris"}}}
STOPPED = {"name": "stop", "arguments": {}}
WRONG = [
    {"name": "send", "arguments": {"to": "Paris"}},
    {"name": "ask", "arguments": {"to": {"city": "Paris"}}},
    {"name": "other", "arguments": {}},
    {"name": "stop", "arguments": {"now": True}},
    {"name": "send", "arguments": {"to": {"city": "Paris"}, "how": "fast"}},
    {"name": "stop"},
    "stop",
]


def accepts(tools: GuidedTools, value: object) -> bool:
    """Whether a model that is kept to the schema may write it, as llguidance sees it."""
    llguidance = pytest.importorskip("llguidance")
    byte_tokenizer = llguidance.LLTokenizer("byte")
    matcher = llguidance.LLMatcher(byte_tokenizer, llguidance.LLMatcher.grammar_from_json_schema(tools.schema()))
    assert not matcher.get_error()
    tokens = byte_tokenizer.tokenize_str(json.dumps(value))
    return matcher.validate_tokens(tokens) == len(tokens) and matcher.consume_tokens(tokens) and matcher.is_accepting()


@pytest.mark.parametrize(
    ("choice", "parallel", "right", "wrong"),
    [
        ("auto", False, [TO_PARIS, STOPPED, {"answer": "Done"}], [[TO_PARIS]]),
        ("auto", True, [TO_PARIS, [TO_PARIS, STOPPED], {"answer": "Done"}], [[], [{"answer": "Done"}]]),
        ("required", False, [TO_PARIS, STOPPED], [{"answer": "Done"}]),
        ("required", True, [STOPPED, [TO_PARIS], [STOPPED, STOPPED]], [{"answer": "Done"}]),
        ("stop", False, [STOPPED], [TO_PARIS, {"answer": "Done"}]),
    ],
)
def test_the_schema(choice, parallel, right, wrong):
    tools = GuidedTools(TOOLS, choice, parallel)
    assert [value for value in right if not accepts(tools, value)] == []
    assert [
        value for value in [*wrong, *([*WRONG] if not parallel else [[one] for one in WRONG])] if accepts(tools, value)
    ] == []


def test_an_answer_of_a_form():
    tools = GuidedTools(TOOLS, answer={"$ref": "#/$defs/Address", "$defs": {"Address": {"type": "integer"}}})
    assert accepts(tools, {"answer": 3})
    assert accepts(tools, TO_PARIS)
    assert not accepts(tools, {"answer": "three"})


def test_the_tools_stay_as_they_are():
    before = json.dumps(TOOLS)
    GuidedTools(TOOLS).schema()
    assert json.dumps(TOOLS) == before


@pytest.mark.parametrize(
    ("text", "answer", "calls"),
    [
        (json.dumps(TO_PARIS), "", [GuidedCall("send", {"to": {"city": "Paris"}})]),
        (json.dumps([TO_PARIS, STOPPED]), "", [GuidedCall("send", {"to": {"city": "Paris"}}), GuidedCall("stop", {})]),
        ('{"answer": "It is do', "It is do", []),
        ('{"name": "send", "arguments": {"to": {"ci', "", [GuidedCall("send", {"to": {}})]),
        ('{"name": "se', "", []),
        ('{"name": "send"', "", []),
        ("{", "", []),
        ("", "", []),
        ("I would rather talk", "I would rather talk", []),
    ],
)
def test_reading(text, answer, calls):
    reply = GuidedTools(TOOLS).read(text)
    assert (reply.answer, reply.calls) == (answer, calls)


CUT_OFF = '{"name": "send", "arguments": {"to": {"city": "Par'
CALL_TEXT = json.dumps(TO_PARIS)


@pytest.mark.parametrize(
    ("text", "answer", "calls"),
    [
        (CALL_TEXT, "", [GuidedCall("send", {"to": {"city": "Paris"}})]),
        (CUT_OFF, "", [GuidedCall("send", CUT_OFF)]),
        (f"[{CALL_TEXT}, ", "", [GuidedCall("send", {"to": {"city": "Paris"}})]),
        (
            f"[{CALL_TEXT}, {CUT_OFF}",
            "",
            [GuidedCall("send", {"to": {"city": "Paris"}}), GuidedCall("send", f"[{CALL_TEXT}, {CUT_OFF}")],
        ),
        ('{"na', "", [GuidedCall("", '{"na')]),
        ('{"answer": "It is do', "It is do", []),
        ('{"answer": {"city": "Paris"}}', '{"city": "Paris"}', []),
        ('{"answer": {"city": "Par', '{"city": "Par', []),
        ('{"answer": ""}', "", []),
        ("I would rather talk", "I would rather talk", []),
        ("3", "3", []),
        ('{"city": "Paris"}', '{"city": "Paris"}', []),
        ("[1] says so", "[1] says so", []),
        ("", "", []),
    ],
)
def test_reading_the_whole_text(text, answer, calls):
    reply = GuidedTools(TOOLS).finish(text)
    assert (reply.answer, reply.calls) == (answer, calls)


def test_earlier_calls_are_told_in_the_form_they_are_asked_for():
    functions = [{"name": one["name"], "arguments": json.dumps(one["arguments"])} for one in (TO_PARIS, STOPPED)]
    assert json.loads(calls_text(functions[:1])) == TO_PARIS
    assert json.loads(calls_text(functions)) == [TO_PARIS, STOPPED]
    assert json.loads(calls_text([{"name": "send", "arguments": "Par"}])) == {"name": "send", "arguments": "Par"}


def test_what_the_model_is_told():
    listed = GuidedTools(TOOLS).instructions(listed=True)
    assert '{"name": ..., "arguments": {...}}' in listed
    assert '{"answer": "..."}' in listed
    assert "Paris" not in listed
    unlisted = GuidedTools(TOOLS, "required", parallel=True).instructions(listed=False)
    assert '"name": "send"' in unlisted
    assert "a list of such objects" in unlisted
    assert "a list" not in listed
    assert "answer" not in unlisted
    assert GuidedTools(TOOLS, "required").instructions(listed=True) == ""


def test_choices():
    assert not GuidedTools([]).active
    assert not GuidedTools(TOOLS, "none").active
    assert GuidedTools(TOOLS, "stop").active
    with pytest.raises(ValueError, match="no tool 'other' among send, ask, stop"):
        GuidedTools(TOOLS, "other")
