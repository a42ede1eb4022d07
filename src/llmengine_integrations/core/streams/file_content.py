"""Extracts one string from a JSON object, piece by piece: `GET /v1/files/{id}/content` returns a file in one. No I/O happens here.

Every step takes time in proportion to the received data, whatever it contains and however it is split. No pattern repeats a group: a greedy
one takes memory for every round, and possessive ones match wrongly on Python 3.11 before 3.11.5
(https://github.com/python/cpython/issues/106052).
"""

from __future__ import annotations

import codecs
import json
import re

from .._foreign_errors import fail
from ..errors import InvalidResponseError

_MARK = re.compile(r'\\.|["{}\[\]]', re.DOTALL)  # the marks around the string; an escaped quote is not one
_CUT = re.compile(
    r"(?:\\u[dD][89abAB][0-9a-fA-F]{2})?(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z"
)  # half of an escaped surrogate pair, a part of an escape, or both
_CUT_SIZE = 11  # characters of the longest of these
_MAX_REST = 1024 * 1024  # characters around the string


class JsonText:
    """Reads the bytes of a JSON object, and returns those of its member `name`, a string, in UTF-8."""

    def __init__(self, name: str = "content") -> None:
        self._name = json.dumps(name)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._head: str = ""
        self._text: str = ""
        self._tail: str = ""
        self._inside: bool = False
        self._after: bool = False
        # The state of reading the head: the position, the depth of brackets, the start of the current string, the end of the wanted name.
        self._seen: int = 0
        self._depth: int = 0
        self._quote: int | None = None
        self._named: int | None = None

    def feed(self, data: bytes) -> bytes:
        """Read more data.

        Raises:
            InvalidResponseError: It is not such an object.
        """
        try:
            return self._feed(self._decoder.decode(data))
        except ValueError as error:
            fail(InvalidResponseError(f"The reply is not valid JSON: {error}."), error)

    def end(self) -> None:
        """Handle the end of the object.

        Raises:
            InvalidResponseError: The object is incomplete.
        """
        try:
            self._decoder.decode(b"", final=True)
            json.loads(f'{self._head}"{self._tail}' if self._after else self._head)
        except (ValueError, RecursionError) as error:  # the latter for thousands of nested brackets
            fail(InvalidResponseError(f"The reply is not valid JSON: {error}."), error)
        if not self._after:
            raise InvalidResponseError(f"The reply has no text {self._name}.")

    def _feed(self, text: str) -> bytes:
        if not self._inside:
            # With a local name, the string grows in place: `self._head += text` would copy all of it for each chunk.
            head, self._head = self._head, ""
            head += text
            self._head = head
            del head
            if (start := self._start()) is None:
                self._bounded(self._head)
                return b""
            self._head, text = self._head[:start], self._head[start:]
            self._inside = True
        if self._after:
            tail, self._tail = self._tail, ""
            tail += text
            self._tail = tail
            self._bounded(tail)
            return b""
        return self._string(text)

    def _start(self) -> int | None:
        """Return the start of the string, once it is known. Each call continues where the previous one stopped."""
        end = self._seen
        for mark in _MARK.finditer(self._head, self._seen):
            end = mark.end()
            if mark[0] == '"' and self._quote is None and self._is_value_of_name(mark.start()):
                return end
            self._pass(mark[0], mark.start(), end)
        self._seen = len(self._head) - self._head.endswith("\\", end)  # the escaped character is still to come
        return None

    def _pass(self, mark: str, start: int, end: int) -> None:
        if mark == '"' and self._quote is None:
            self._quote, self._named = start, None
        elif mark == '"':
            is_name = self._depth == 1 and self._head[self._quote : end] == self._name
            self._quote, self._named = None, end if is_name else None
        elif self._quote is None:
            self._named = None
            self._depth += (mark in "{[") - (mark in "}]")

    def _is_value_of_name(self, start: int) -> bool:
        return self._named is not None and self._head[self._named : start].strip() == ":"

    def _string(self, text: str) -> bytes:
        text = self._text + text
        unescaped = text.replace(r"\\", "  ").replace(
            r"\"", "  "
        )  # as long as the text: a remaining quote ends the string
        end = unescaped.find('"')
        self._after = end >= 0
        if self._after:
            self._text, self._tail = "", text[end + 1 :]
        else:
            cut = _CUT.search(unescaped, max(0, len(text) - _CUT_SIZE))
            end = cut.start() if cut else len(text)
            self._text = text[end:]
        piece = text[:end]
        decoded: str = json.loads(f'"{piece}"', strict=False) if "\\" in piece else piece
        return decoded.encode()

    @staticmethod
    def _bounded(text: str) -> None:
        if len(text) > _MAX_REST:
            raise ValueError("there is too much around the text")
