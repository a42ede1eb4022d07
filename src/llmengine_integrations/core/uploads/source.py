"""What the user wants to send: a path, bytes, or an open file. It is opened and measured here."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TextIO, TypeAlias, cast

from ..errors import InvalidArgumentError, LLMEngineError

FileSource: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | IO[str]
"""A path, the bytes themselves, or a file that is open for reading: binary, or text (which is sent as UTF-8)."""

CHUNK = 256 * 1024
"""Bytes to read at once."""


class Source:
    """A file that is open for reading, from its current position to its end.

    Attributes:
        filename: The name to send it under.
        size: Its bytes; None if only reading it would show that.
    """

    def __init__(self, file: IO[bytes] | IO[str], filename: str, *, owned: bool) -> None:
        self.filename = filename
        self._file = file
        self._owned = owned
        self._start, self.size = _measure(file)

    @property
    def repeatable(self) -> bool:
        """Whether it can be read twice."""
        return self._start is not None

    def rewind(self) -> None:
        """Go back to the first position, if possible."""
        if self._start is not None:
            self._file.seek(self._start)

    def read(self, count: int = CHUNK) -> bytes:
        """Read up to about `count` more bytes; nothing at the end."""
        data = self._file.read(count)
        return data.encode("utf-8", "surrogatepass") if isinstance(data, str) else bytes(data or b"")

    def chunks(self) -> Iterator[bytes]:
        """Yield the file piece by piece, from the first position.

        Raises:
            LLMEngineError: It has become shorter since it was measured. If it has grown, the new part is left out.
        """
        self.rewind()
        left = self.size
        while left is None or left > 0:
            data = self.read(CHUNK if left is None else min(CHUNK, left))
            if left is not None:
                left -= len(data)
            elif not data:
                return
            if not data:
                raise LLMEngineError(f"{self.filename} has become shorter while it was being sent.")
            yield data

    def __del__(self) -> None:
        self.close()  # a task that was cancelled while a thread opened this never gets the object

    def close(self) -> None:
        """Close the file, unless the user opened it; then leave its position unchanged."""
        if self._owned:
            self._file.close()


def open_source(source: FileSource, filename: str | None = None) -> Source:
    """Open the user's source.

    Raises:
        InvalidArgumentError: It is a file at its end, or one that is not open for reading.
        OSError: It cannot be opened.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        # Not a fixed name: deployments that store files in S3 or GCS would overwrite the last file with that name.
        return Source(io.BytesIO(source), filename or f"upload-{secrets.token_hex(4)}", owned=True)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return Source(path.open("rb"), filename or path.name, owned=True)
    if not callable(getattr(source, "read", None)):
        raise InvalidArgumentError(f"A file is a path, bytes, or open for reading, not {type(source).__name__}.")
    name = getattr(source, "name", None)
    known = Path(name).name if isinstance(name, str) else ""
    return Source(_binary(source), filename or known or f"upload-{secrets.token_hex(4)}", owned=False)


def _binary(file: IO[bytes] | IO[str]) -> IO[bytes] | IO[str]:
    """Return the bytes of a text file if they are already UTF-8, so that they are sent unchanged and their number is known."""
    if isinstance(file, io.StringIO):
        return io.BytesIO(file.getvalue()[file.tell() :].encode("utf-8", "surrogatepass"))
    if not isinstance(file, io.TextIOWrapper):
        return file
    text = cast("TextIO", file)
    if text.encoding.lower().replace("_", "-") not in {"utf-8", "utf8", "ascii"}:
        return text
    try:
        text.seek(text.tell())  # the buffer below is ahead; this moves it to the text's position
    except (OSError, ValueError):
        return text
    return text.buffer


def _measure(file: IO[bytes] | IO[str]) -> tuple[int | None, int | None]:
    """Return the file's position, and how many bytes follow; None for what is unknown."""
    try:
        start = file.tell()
        if isinstance(file, io.TextIOBase):
            return start, None
        end = file.seek(0, os.SEEK_END)
        file.seek(start)
    except (OSError, ValueError, AttributeError):
        return None, None
    if start and end <= start:
        raise InvalidArgumentError("The file stands at its end, so nothing of it would be sent; seek(0) first.")
    return start, end - start
