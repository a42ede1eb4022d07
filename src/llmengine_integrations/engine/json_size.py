"""How many values a JSON text holds, told before it is parsed: a megabyte of `[],` becomes a hundred of objects."""

from __future__ import annotations

import re

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


def has_more_values(raw: bytes, most: int) -> bool:
    """Whether there are more values than that: keys are not counted, lists and objects are counted twice.

    Looks closely only at a text that could have as many: for others it is a matter of microseconds.
    """
    if _signs(raw) <= most:
        return False
    strings = (raw.count(b'"') - raw.count(b'\\"')) // 2  # at least so many: keys, too
    return strings > 2 * most or _signs(_STRING.sub(b"", raw)) > most


def _signs(raw: bytes) -> int:
    """A comma for each value but the first, and a bracket for each list or object."""
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")
