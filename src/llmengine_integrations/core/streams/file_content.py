"""One string out of a JSON object, piece by piece: `GET /v1/files/{id}/content` wraps a whole file in one. No I/O happens here.

Every step takes time in proportion to what has come, whatever it is and however it is cut. No pattern repeats a group: a greedy one takes
memory for every round, and possessive ones match wrongly on Python 3.11 before 3.11.5 (https://github.com/python/cpython/issues/106052).
"""

from __future__ import annotations

import codecs
import json
import re

from .._foreign_errors import fail
from ..errors import InvalidResponseError

_MARK = re.compile(r'\\.|["{}\[\]]', re.DOTALL)  # what matters around the string; an escaped quote is not a mark
_CUT = re.compile(
    r"(?:\\u[dD][89abAB][0-9a-fA-F]{2})?(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z"
)  # half a pair of escapes, a part of one, or both
_CUT_SIZE = 11  # characters of the longest of these
_MAX_REST = 1024 * 1024  # characters around the string


class JsonText:
    """Takes the bytes of a JSON object, gives those of its member `name`, a string, in UTF-8."""

    def __init__(self, name: str = "content") -> None:
        self._name = json.dumps(name)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._head: str = ""
        self._text: str = ""
        self._tail: str = ""
        self._inside: bool = False
        self._after: bool = False
        # How far the head is read: up to where, inside how many brackets, since where in a string, and where the wanted name ended.
        self._seen: int = 0
        self._depth: int = 0
        self._quote: int | None = None
        self._named: int | None = None

    def feed(self, data: bytes) -> bytes:
        """Read on.

        Raises:
            InvalidResponseError: It is not such an object.
        """
        try:
            return self._feed(self._decoder.decode(data))
        except ValueError as error:
            fail(InvalidResponseError(f"The reply is not valid JSON: {error}."), error)

    def end(self) -> None:
        """The object is complete.

        Raises:
            InvalidResponseError: It is not.
        """
        try:
            self._decoder.decode(b"", final=True)
            json.loads(f'{self._head}"{self._tail}' if self._after else self._head)
        except (ValueError, RecursionError) as error:  # the latter for brackets nested by the thousand
            fail(InvalidResponseError(f"The reply is not valid JSON: {error}."), error)
        if not self._after:
            raise InvalidResponseError(f"The reply has no text {self._name}.")

    def _feed(self, text: str) -> bytes:
        if not self._inside:
            # A local name lets it grow in place: `self._head += text` would copy all of it for each chunk.
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
        """Where the string begins, once it does. Each call reads on where the one before stopped."""
        end = self._seen
        for mark in _MARK.finditer(self._head, self._seen):
            end = mark.end()
            if mark[0] == '"' and self._quote is None and self._is_value_of_name(mark.start()):
                return end
            self._pass(mark[0], mark.start(), end)
        self._seen = len(self._head) - self._head.endswith("\\", end)  # the character that it escapes is still to come
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
        )  # as long as the text: what is left of quotes ends the string
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
