"""Server-sent events: reads bytes and returns the data of events. It has state, but does no I/O.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation. Only the field `data` matters here. It is kept
as bytes, so that a chunk may end inside a character, a line ending or anything else.
"""

from __future__ import annotations

from ..errors import InvalidResponseError

_BOM = b"\xef\xbb\xbf"
MAX_EVENT = 64 * 1024 * 1024
"""The largest event, in bytes. Without a limit, a server that never ends an event would fill the memory."""


class SSEDecoder:
    """Splits a byte stream into events. Lines end with CRLF, LF or CR; comments and other fields are skipped."""

    def __init__(self) -> None:
        # The parts of the incomplete line. They are joined once, because joining each time would take quadratic time for a long line.
        self._parts: list[bytes] = []
        self._after_cr = False  # the last chunk ended a line with CR; an LF right after it belongs to that line ending
        self._data: list[bytes] = []
        self._first = True
        self._held = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Add the next bytes, and return the data of every event that they complete.

        If the stream ends inside an event, that event is never returned, as the standard demands.

        Raises:
            InvalidResponseError: An event is longer than `MAX_EVENT`.
        """
        end = 0 if self._data or self._after_cr else _last_end(chunk)
        if not end or not (events := _plain(b"".join((*self._parts, chunk[:end])))):
            return self._feed(chunk)
        self._parts.clear()
        self._first, self._held = False, 0
        return events if end == len(chunk) else events + self._feed(chunk[end:])

    def _feed(self, chunk: bytes) -> list[bytes]:
        """Do the work of `feed` for any input, line by line."""
        data = self._data
        events: list[bytes] = []
        self._held += len(chunk)
        for line in self._lines(chunk):
            if not line:
                self._held = 0
                if data:
                    if event := b"\n".join(data):
                        events.append(event)
                    data.clear()
            elif line.startswith(b"data:"):
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif line == b"data":
                data.append(b"")
        if self._held > MAX_EVENT and not events:
            raise InvalidResponseError(f"An event of the stream is longer than {MAX_EVENT // 1024**2} MiB.")
        return events

    def _lines(self, chunk: bytes) -> list[bytes]:
        """Return the lines that a chunk completes, without their endings."""
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


def _last_end(chunk: bytes) -> int:
    """Return the end of the last event that a chunk completes; 0 if it completes none, or if that is not certain."""
    if (found := chunk.rfind(b"\n\n")) >= 0:
        return found + 2
    return found + 4 if (found := chunk.rfind(b"\r\n\r\n")) >= 0 else 0


def _plain(chunk: bytes) -> list[bytes] | None:
    """Return the data of whole events with one `data: ` line each, which is the form of nearly every chunk; None for any other form.

    The chunk is split in one step and the parts are counted as a check, because a loop over the lines takes four times as long.
    """
    crlf = chunk[-4:] == b"\r\n\r\n"
    if chunk[:6] != b"data: " or not (crlf or chunk[-2:] == b"\n\n"):
        return None
    events = chunk[6:-4].split(b"\r\n\r\ndata: ") if crlf else chunk[6:-2].split(b"\n\ndata: ")
    ends = 2 * len(events)
    plain = chunk.count(b"\n") == ends and (chunk.count(b"\r") == ends if crlf else b"\r" not in chunk) and all(events)
    return events if plain else None
