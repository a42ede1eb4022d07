"""One string out of a JSON object, piece by piece: `GET /v1/files/{id}/content` wraps a whole file in one. No I/O happens here."""

from __future__ import annotations

import codecs
import json
import re

from .errors import InvalidResponseError

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s"{}\[\]:,]+')
_OPENS = re.compile(r'\s*:\s*"')
_PIECE = re.compile(r'(?:[^"\\]++|\\(?:u[0-9a-fA-F]{4}|[^u]))*+')  # characters and whole escapes
_HALF = re.compile(r"(?<!\\)(?:\\\\)*(\\u[dD][89abAB][0-9a-fA-F]{2})$")  # the first half of a pair of escapes
_ESCAPE = 6  # characters of the longest escape
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

    def feed(self, data: bytes) -> bytes:
        """Read on.

        Raises:
            InvalidResponseError: It is no such object.
        """
        try:
            return self._feed(self._decoder.decode(data))
        except ValueError as error:
            raise InvalidResponseError(f"The reply is no JSON: {error}.") from error

    def end(self) -> None:
        """The object is complete.

        Raises:
            InvalidResponseError: It is not.
        """
        try:
            self._decoder.decode(b"", final=True)
            json.loads(f'{self._head}"{self._tail}' if self._after else self._head)
        except (ValueError, RecursionError) as error:  # the latter for brackets nested by the thousand
            raise InvalidResponseError(f"The reply is no JSON: {error}.") from error
        if not self._after:
            raise InvalidResponseError(f"The reply has no text {self._name}.")

    def _feed(self, text: str) -> bytes:
        if not self._inside:
            self._head += text
            if (start := self._start()) is None:
                self._bounded(self._head)
                return b""
            self._head, text = self._head[:start], self._head[start:]
            self._inside = True
        if self._after:
            self._tail += text
            self._bounded(self._tail)
            return b""
        return self._string(text)

    def _start(self) -> int | None:
        """Where the string begins, once it does."""
        depth = 0
        for token in _TOKEN.finditer(self._head):
            found = token[0]
            if depth == 1 and found == self._name and (opens := _OPENS.match(self._head, token.end())):
                return opens.end()
            depth += (found in "{[") - (found in "}]")
        return None

    def _string(self, text: str) -> bytes:
        text = self._text + text
        end = found.end() if (found := _PIECE.match(text)) else 0
        self._after = text[end : end + 1] == '"'
        if self._after:
            self._text, self._tail = "", text[end + 1 :]
        else:
            if len(text) - end > _ESCAPE:
                raise ValueError("an escape makes no sense")
            if text[end - _ESCAPE : end - 4] == "\\u" and (half := _HALF.search(text, 0, end)):
                end = half.start(1)
            self._text = text[end:]
        piece = text[:end]
        decoded: str = json.loads(f'"{piece}"', strict=False) if "\\" in piece else piece
        return decoded.encode()

    @staticmethod
    def _bounded(text: str) -> None:
        if len(text) > _MAX_REST:
            raise ValueError("there is too much around the text")
