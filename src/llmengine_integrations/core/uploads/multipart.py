"""A file as the body of a multipart request (RFC 7578), generated piece by piece while it is sent."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from .source import CHUNK, Source

UploadProgress: TypeAlias = Callable[[int, int | None], object]
"""Called with the bytes sent so far, and the total (None if that is not known)."""

# https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data. The backslash is our addition, because
# Python's parsers read it as an escape.
_QUOTED = {ord(char): f"%{ord(char):02X}" for char in '"\\'} | {code: f"%{code:02X}" for code in (*range(32), 127)}


class Multipart:
    """One file as a form. It can be read again for another try.

    Attributes:
        content_type: The header for this body.
        length: Bytes of the whole body; None if the file's size is not known.
        failure: The error from reading the file, or from reporting progress. Libraries hide it in errors of their own.
    """

    def __init__(self, source: Source, on_progress: UploadProgress | None = None, *, field: str = "file") -> None:
        boundary = secrets.token_hex(16)
        self.failure: Exception | None = None
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._source = source
        self._on_progress = on_progress
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{quoted(source.filename)}"\r\n'
            f"Content-Type: {_kind(source.filename)}\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.length = None if source.size is None else len(self._head) + source.size + len(self._tail)

    @property
    def headers(self) -> dict[str, str]:
        """The headers for this body."""
        length = {} if self.length is None else {"content-length": str(self.length)}
        return {"content-type": self.content_type, **length}

    @property
    def small(self) -> bool:
        """Whether it is small enough to be sent in one piece."""
        return self.length is not None and self.length <= CHUNK

    def chunks(self) -> Iterator[bytes]:
        """Yield the body, piece by piece."""
        with self._noting():
            yield self._head
            sent = 0
            for data in self._source.chunks():
                yield data
                sent = self._report(sent + len(data))
            yield self._tail

    async def achunks(self) -> AsyncIterator[bytes]:
        """Yield the body, piece by piece. The file is read in a thread."""
        import asyncio  # noqa: PLC0415 - the sync client imports this module too

        with self._noting():
            yield self._head
            sent, pieces = 0, self._source.chunks()
            while (data := await asyncio.to_thread(next, pieces, None)) is not None:
                yield data
                sent = self._report(sent + len(data))
            yield self._tail

    def _report(self, sent: int) -> int:
        if self._on_progress is not None:
            self._on_progress(sent, self._source.size)
        return sent

    @contextmanager
    def _noting(self) -> Generator[None]:
        try:
            yield
        except Exception as error:
            self.failure = error
            raise


def quoted(filename: str) -> str:
    """Return a file name for use between quotes in a header; as UTF-8 if it is not ASCII."""
    return filename.translate(_QUOTED).encode("utf-8", "replace").decode()


def _kind(filename: str) -> str:
    return "text/csv" if filename.lower().endswith(".csv") else "application/octet-stream"
