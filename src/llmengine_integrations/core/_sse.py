"""Server-sent events: bytes in, the data of events out. Holds state, does no I/O.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation. Of the fields only `data` matters here;
it is kept as bytes, so that a chunk may end inside a character, a line ending or anything else.
"""

from __future__ import annotations

from collections.abc import Iterator

from .errors import InvalidResponseError

_BOM = b"\xef\xbb\xbf"
MAX_EVENT = 64 * 1024 * 1024
"""Bytes of one event; a server that never ends one would fill the memory."""


class SSEDecoder:
    """Splits a byte stream into events. Lines end with CRLF, LF or CR; comments and other fields are skipped."""

    def __init__(self) -> None:
        # Of the line that is not complete yet; joined once, or a long line would cost its square.
        self._parts: list[bytes] = []
        self._after_cr = False  # the last chunk ended with CR, which ended a line: an LF right after it belongs to it
        self._data: list[bytes] = []
        self._first = True
        self._held = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the next bytes and yield the data of every event that they complete.

        An event that the stream ends inside of is never yielded, as the standard demands.

        Raises:
            InvalidResponseError: An event is longer than `MAX_EVENT`.
        """
        data = self._data
        self._held += len(chunk)
        for line in self._lines(chunk):
            if not line:
                self._held = 0
                if data:
                    event = data[0] if len(data) == 1 else b"\n".join(data)
                    data.clear()
                    if event:
                        yield event
            elif line.startswith(b"data:"):
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif line == b"data":
                data.append(b"")
        if self._held > MAX_EVENT:
            raise InvalidResponseError(f"An event of the stream is longer than {MAX_EVENT // 1024**2} MiB.")

    def _lines(self, chunk: bytes) -> list[bytes]:
        """The lines that a chunk completes, without their endings."""
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if b"\n" not in chunk:
            if chunk:
                self._parts.append(chunk)
            return []
        if self._parts:
            chunk = b"".join((*self._parts, chunk))
            self._parts.clear()
        *lines, rest = chunk.split(b"\n")
        if rest:
            self._parts.append(rest)
        if self._first:
            self._first = False
            lines[0] = lines[0].removeprefix(_BOM)
        return lines
