"""JSON text: written compactly, and its values counted before it is parsed, since 1 MB of `[],` becomes 100 MB of objects."""

from __future__ import annotations

import json
import re

from pydantic_core import PydanticSerializationError, to_json

# A string without escaped quotes, to its end or the text's. It never fails and repeats one character, so that a hostile text costs
# neither time nor memory; possessive quantifiers match wrongly on Python 3.11 before 3.11.5.
_STRING = re.compile(rb'"[^"]*"?')


def encode_json(content: object) -> bytes:
    """Compact JSON in UTF-8, null keys included."""
    try:
        return to_json(content, inf_nan_mode="null")
    except PydanticSerializationError:
        # An echoed input may contain an unpaired surrogate, which UTF-8 cannot carry and escaped JSON can.
        return json.dumps(content, separators=(",", ":")).encode()


def has_more_values(raw: bytes, most: int) -> bool:
    """Whether there are more values than that: keys are not counted, lists and objects are counted twice.

    Looks closely only at a text that could have as many: for others it is a matter of microseconds.
    """
    if _signs(raw) <= most:
        return False
    strings = (raw.count(b'"') - raw.count(b'\\"')) // 2  # a lower bound that counts keys, too
    if strings > 2 * most:
        return True
    without_escapes = raw.replace(rb"\\", b"").replace(rb"\"", b"")
    return _signs(_STRING.sub(b"", without_escapes)) > most


def _signs(raw: bytes) -> int:
    """A comma for each value but the first, and a bracket for each list or object."""
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")
