"""Writes compact JSON, and counts the values of JSON text before it is parsed: 1 MB of `[],` becomes 100 MB of objects."""

from __future__ import annotations

import json
import re

from pydantic_core import PydanticSerializationError, to_json

# A string without escaped quotes, up to its end or the end of the text. The pattern never fails and repeats a single character class, so
# that a hostile text costs neither time nor memory. Possessive quantifiers have bugs on Python 3.11 before 3.11.5.
_STRING = re.compile(rb'"[^"]*"?')


def encode_json(content: object) -> bytes:
    """Compact JSON in UTF-8, null keys included."""
    try:
        return to_json(content, inf_nan_mode="null")
    except PydanticSerializationError:
        # An echoed input may contain an unpaired surrogate, which escaped JSON can express but UTF-8 cannot.
        return json.dumps(content, separators=(",", ":")).encode()


def has_more_values(raw: bytes, most: int) -> bool:
    """Whether the text has more than `most` values. Keys are not counted; lists and objects are counted twice.

    Only a text that could exceed the limit is examined closely. For others, this takes microseconds.
    """
    if _signs(raw) <= most:
        return False
    strings = (raw.count(b'"') - raw.count(b'\\"')) // 2  # a lower bound that includes keys
    if strings > 2 * most:
        return True
    without_escapes = raw.replace(rb"\\", b"").replace(rb"\"", b"")
    return _signs(_STRING.sub(b"", without_escapes)) > most


def _signs(raw: bytes) -> int:
    """The number of commas and opening brackets: one comma for each value but the first, one bracket for each list or object."""
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")
