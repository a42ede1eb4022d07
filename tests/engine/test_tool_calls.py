"""Finding tool calls in text, without a model."""

from __future__ import annotations

import json
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmengine_integrations.engine.dialect.tool_calls import ParsedCall, ToolCallParser, parse_call

CALL = '<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>'
PARSED = ParsedCall("f", '{"a": 1}')

BITS = st.sampled_from(
    [
        *[CALL, "<tool_call>", "</tool_call>", "<tool", "<", "_call>", "\n", " ", "text", "</tool_call", "{", "}"],
        *[
            '{"name": "g"}',
            '{"name": "f", "arguments": {"a": "</tool_call>"}}',
            '"',
            '{"name": "',
            "é😀",
            "null",
            "[1]",
        ],
    ]
)
TEXTS = st.lists(BITS, max_size=12).map("".join)


def parsed(*pieces: str) -> list[str | ParsedCall]:
    """What comes of the pieces, texts that follow one another joined."""
    parser = ToolCallParser()
    found = [item for piece in pieces for item in parser.push(piece)] + parser.finish()
    assert "" not in found
    return [
        item
        for is_text, group in groupby(found, key=lambda item: isinstance(item, str))
        for item in (["".join(group)] if is_text else group)
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        ("no call", ["no call"]),
        (" spaces at both ends \n", [" spaces at both ends \n"]),
        (CALL, [PARSED]),
        (f"Let me see.\n{CALL}", ["Let me see.", PARSED]),
        (f"{CALL}\n{CALL}\n", [PARSED, PARSED]),
        (f"a\n{CALL}\nb", ["a", PARSED, "\nb"]),
        (CALL.removesuffix("</tool_call>"), [PARSED]),
        ('<tool_call>\n{"name": "f"}\n</tool_call>', [ParsedCall("f", "{}")]),
        (
            '<tool_call>{"name": "f", "arguments": {"a": "é</tool_call>\\n"}}</tool_call>',
            [ParsedCall("f", '{"a": "é</tool_call>\\n"}')],
        ),
    ],
)
def test_texts_and_calls(text, wanted):
    assert parsed(text) == wanted


@pytest.mark.parametrize(
    "body",
    [
        "",
        "f(1)",
        '{"name": "f", "arguments": {"a": 1}',
        '{"name": "f", "arguments": {"a": 1}}}',
        '{"name": "f", "arguments": "a"}',
        '{"name": "f", "arguments": null}',
        '{"name": "f", "arguments": {"a": NaN}}',
        '{"name": "", "arguments": {}}',
        '{"name": 1, "arguments": {}}',
        '{"arguments": {}}',
        '["f"]',
        '{"name": "f", "arguments": ' + '{"a": ' * 10_000,
    ],
)
def test_what_is_no_call_stays_text(body):
    text = f"<tool_call>{body}</tool_call>"
    assert parsed(text) == [text]
    assert parsed(f"x {text}\n{CALL}") == [f"x {text}", PARSED]


@given(TEXTS, st.data())
def test_the_same_for_every_way_of_cutting(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert parsed(*pieces) == parsed(text) == parsed(*text)


@given(TEXTS)
def test_nothing_but_whitespace_and_calls_is_lost(text):
    found = parsed(text)
    kept = "".join(item for item in found if isinstance(item, str))
    assert len(kept) <= len(text)
    if not any(isinstance(item, ParsedCall) for item in found):
        assert kept == text
    for item in found:
        if isinstance(item, ParsedCall):
            assert isinstance(json.loads(item.arguments), dict)


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)))
def test_a_call_comes_back_as_it_was(arguments):
    body = json.dumps({"name": "f", "arguments": arguments}, ensure_ascii=False)
    (call,) = parsed(*f"<tool_call>{body}</tool_call>")
    assert call.name == "f"
    assert json.loads(call.arguments) == arguments


def test_text_is_not_held_longer_than_needed():
    parser = ToolCallParser()
    assert parser.push("one two ") == ["one two"]
    assert parser.push("three <tool") == [" three"]
    assert parser.push("box") == [" <toolbox"]


def test_a_call_is_reported_as_soon_as_it_is_closed():
    parser = ToolCallParser()
    assert parser.push(CALL[:-1]) == []
    assert parser.push(CALL[-1]) == [PARSED]


def test_parse_call():
    assert parse_call('{"name": "f", "arguments": {"a": 1}}') == PARSED
    assert parse_call("nonsense") is None
