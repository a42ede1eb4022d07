"""How many values a JSON text holds, against a count by the letter. Needs no engine."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmengine_integrations.engine.dialect.json_text import has_more_values

SHARP = st.lists(st.sampled_from(['"', "\\", ",", "[", "{", "]", "é", "\n"]), max_size=8).map("".join)
VALUES = st.recursive(
    SHARP | st.integers(0, 9),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(SHARP, values, max_size=3),
    max_leaves=12,
)


def counted(raw: bytes) -> int:
    """By definition: commas and opening brackets outside strings; a quote ends a string unless it is escaped."""
    count, inside, escaped = 0, False, False
    for sign in raw.decode():
        if escaped:
            escaped = False
        elif sign == "\\":
            escaped = True
        elif sign == '"':
            inside = not inside
        elif not inside:
            count += sign in ",[{"
    return count


@settings(deadline=None)
@given(VALUES, st.booleans())
@example(["\\"], False)
@example(['\\"', '\\\\"', ',,,"\\'], False)
def test_the_count_is_right(value, ascii_only):
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    count = counted(raw)
    texts = raw.count(b'"') // 2
    assert not has_more_values(raw, max(count, texts))
    assert count == 0 or has_more_values(raw, count - 1)


MANY = 1_000_000


@pytest.mark.parametrize(
    "part", [rb"\"", b'"', rb"\\", rb"\n", rb"\\\""], ids=["quotes", "bare", "backslashes", "newlines", "both"]
)
@pytest.mark.parametrize("start", [b"[,", b'[,"', b'[,"a'])
def test_a_hostile_text_is_counted_in_linear_time(part, start):
    """Work that grew with the square of the size would not end within the test's time limit."""
    raw = start + part * MANY
    assert has_more_values(raw, 1)
    assert not has_more_values(raw, MANY)
