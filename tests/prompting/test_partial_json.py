"""JSON that is still being written: what is read never has to be taken back."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmengine_integrations.prompting.partial_json import parse_partial

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def grows(earlier, later) -> bool:
    """Whether the later reading only adds to the earlier one."""
    match earlier, later:
        case None, _:
            return True
        case str(), str():
            return later.startswith(earlier)
        case list(), list():
            return len(earlier) <= len(later) and all(grows(a, b) for a, b in zip(earlier, later, strict=False))
        case dict(), dict():
            return all(key in later and grows(value, later[key]) for key, value in earlier.items())
        case _:
            return type(earlier) is type(later) and earlier == later


@settings(deadline=None, max_examples=60)  # a slow machine is no failure
@given(VALUES.filter(lambda value: isinstance(value, dict | list | str)), st.booleans(), st.sampled_from([None, 2]))
def test_it_grows_to_the_whole(value, ascii_only, indent):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    readings = [parse_partial(text[:end]) for end in range(len(text) + 1)]
    assert readings[-1] == value
    assert all(grows(earlier, later) for earlier, later in pairwise(readings))
    assert all(reading is not None for reading in readings[1:]), "from the first bracket or quote on something is known"


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ('{"a": 1', {}),
        ('{"a": 1,', {"a": 1}),
        ('{"a": tru', {}),
        ('{"a": "b\\', {"a": "b"}),
        ('{"a": "\\ud83d', {"a": ""}),
        ('{"a": ["x", "y', {"a": ["x", "y"]}),
        ('{"a": {"b', {"a": {}}),
        ("", None),
        ("no JSON", None),
        ('{"a": }', None),
        ('"]}', "]}"),
    ],
)
def test_what_is_known(text, known):
    assert parse_partial(text) == known
