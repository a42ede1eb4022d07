"""Finds tool calls in a model's text, piece by piece. Uses no I/O and no tokens.

A call is `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, the format of Hermes and Qwen models and of the model in this
package. Everything else stays text, including malformed calls. A call is therefore held back until it is complete.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from ..runtime.constraints import CALL_CLOSE, CALL_OPEN

_IN_STRING = "Unterminated string"  # the start of the JSON parser's message if the text ends inside a string


@dataclass(frozen=True, slots=True)
class ParsedCall:
    """A complete call; its arguments are a JSON object."""

    name: str
    arguments: str


class ToolCallParser:
    """Splits a growing text into text and calls.

    The joined text and the calls do not depend on how the input is split into pieces. Whitespace around a call is not returned as text.
    """

    def __init__(self) -> None:
        self._held = ""
        self._space = ""
        self._after_call = False

    def push(self, text: str) -> list[str | ParsedCall]:
        """Add more text and return the parts that are certain: non-empty pieces of text, and calls."""
        self._held += text
        found: list[str | ParsedCall] = []
        while (step := self._step()) is not None:
            found += step
        return found

    def finish(self) -> list[str | ParsedCall]:
        """Return the text that was held back. A last call without its closing tag counts, because models sometimes omit the tag."""
        held, self._held = self._held, ""
        call = parse_call(held.removeprefix(CALL_OPEN)) if held.startswith(CALL_OPEN) else None
        if call is not None:
            return self._call(call)
        found = self._text(held)
        space, self._space = self._space, ""
        return found if self._after_call or not space else [*found, space]

    def _step(self) -> list[str | ParsedCall] | None:
        """Remove the parts that can be decided from the held text. Returns None if more text is needed first."""
        start = self._held.find(CALL_OPEN)
        if start != 0:
            end = _possible_start(self._held) if start < 0 else start
            text, self._held = self._held[:end], self._held[end:]
            return self._text(text) if text else None
        end = _end_of_call(self._held)
        if end is None:
            return None
        body, self._held = self._held[:end], self._held[end:]
        call = parse_call(body[len(CALL_OPEN) : -len(CALL_CLOSE)])
        return self._text(body) if call is None else self._call(call)

    def _call(self, call: ParsedCall) -> list[str | ParsedCall]:
        self._space, self._after_call = "", True
        return [call]

    def _text(self, text: str) -> list[str | ParsedCall]:
        """The text without its trailing whitespace, which is held back and dropped if a call comes next."""
        text = self._space + text
        stripped = text.rstrip()
        self._space = text[len(stripped) :]
        if not stripped:
            return []
        self._after_call = False
        return [stripped]


def parse_call(text: str) -> ParsedCall | None:
    """The call between the tags; None if it is malformed."""
    try:
        found: object = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    call = cast("dict[str, Any]", found)
    name, arguments = call.get("name"), call.get("arguments", {})
    if not isinstance(name, str) or not name or not isinstance(arguments, dict):
        return None
    return ParsedCall(name, json.dumps(arguments, ensure_ascii=False))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _end_of_call(text: str) -> int | None:
    """The end of the call at the start of the text: the position after the first closing tag that is not inside a JSON string."""
    position = len(CALL_OPEN)
    while (found := text.find(CALL_CLOSE, position)) >= 0:
        position = found + len(CALL_CLOSE)
        if not _ends_in_string(text[len(CALL_OPEN) : found]):
            return position
    return None


def _ends_in_string(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.msg.startswith(_IN_STRING)
    except RecursionError:
        return False
    return False


def _possible_start(text: str) -> int:
    """The position near the end of the text where an opening tag may start; the text's length if there is none."""
    for size in range(min(len(CALL_OPEN) - 1, len(text)), 0, -1):
        if text.endswith(CALL_OPEN[:size]):
            return len(text) - size
    return len(text)
