"""Reads JSON that is still being written."""

from __future__ import annotations

import json
import re
from typing import Any

_ESCAPE = re.compile(
    r"\\(?:[\"\\/bfnrt]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})"
)
"""A complete escape sequence; a character outside the basic plane takes two."""
_STRING = r'"(?:[^"\\]|\\.)*"'
_BARE_WORD = re.compile(r"[^\s\[\]{},:\"]+$")
_LAST_KEY = re.compile(rf"{_STRING}\s*:?\s*$")


def parse_partial(text: str) -> Any | None:
    """The certain part of an unfinished JSON value. Strings grow; keys without a value and incomplete numbers and words are omitted.

    Returns None if nothing is certain yet, or the text is not JSON.
    """
    for candidate in (text, *_completions(text)):
        try:
            return json.loads(candidate)
        except (ValueError, RecursionError):  # RecursionError for thousands of nested brackets
            continue
    return None


def _completions(text: str) -> list[str]:
    """Ways to complete the text, the longest first: with all of it, then without a key at its end."""
    closers, string_start = _open(text)
    end = "".join(reversed(closers))
    if string_start is not None:
        return [_closed_string(text, string_start) + end, _without_comma(text[:string_start]) + end]
    bare = _BARE_WORD.sub("", text)  # a number or a word may be incomplete
    return [_without_comma(bare) + end, _without_comma(_LAST_KEY.sub("", bare)) + end]


def _without_comma(text: str) -> str:
    text = text.rstrip()
    return (_LAST_KEY.sub("", text).rstrip() if text.endswith(":") else text).removesuffix(",")


def _closed_string(text: str, start: int) -> str:
    """The text up to its last complete character, with the closing quote of its last string."""
    position = start + 1
    while position < len(text):
        if text[position] != "\\":
            position += 1
        elif (escape := _ESCAPE.match(text, position)) is not None:
            position = escape.end()
        else:
            break
    return f'{text[:position]}"'


def _open(text: str) -> tuple[list[str], int | None]:
    """The brackets to close, and the start of the string in which the text ends."""
    closers: list[str] = []
    start: int | None = None
    escaped = False
    for position, char in enumerate(text):
        if start is not None:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                start = None
        elif char == '"':
            start = position
        elif char in "{[":
            closers.append("}" if char == "{" else "]")
        elif char in "}]" and closers:
            closers.pop()
    return closers, start
