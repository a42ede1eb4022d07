"""Writes downloaded data to files, blocking or on an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from ..._shared.durable_files import flush_to_disk
from ..._shared.file_lock import Claim
from .._steps import Transfer
from ..errors import LLMEngineError

if TYPE_CHECKING:
    from .._operation import Request
    from ..transport.async_transport import AsyncTransport
    from ..transport.backend import AsyncIncomingReply, IncomingReply
    from ..transport.sync_transport import SyncTransport

BATCH = 512 * 1024
"""Bytes that an event loop collects before a thread writes them."""
_SLICE = 64 * 1024


class Writer:
    """A file that is written next to its final place, from `size` bytes on. The first thread that writes opens it.

    Once closed, it stays closed: a thread that an event loop has abandoned must not open or write a file that nothing closes. `note` is the
    path and the content of a note about the file, written when it is opened.
    """

    def __init__(self, path: Path, size: int = 0, note: tuple[Path, str] | None = None) -> None:
        self._path = path
        self._size = size
        self._note = note
        self._file: BinaryIO | None = None
        self._closed = False
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        """Append."""
        with self._lock:
            self._open().write(data)

    def finish(self) -> None:
        """Sync it to the disk, and close it."""
        with self._lock:
            file = self._open()
            flush_to_disk(file)
            file.close()

    def close(self) -> None:
        """Close it."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()

    def _open(self) -> BinaryIO:
        if self._closed:
            raise InterruptedError(f"{self._path} was given up.")
        if self._file is None:
            self._file = self._path.open("ab")
            self._file.truncate(self._size)
            if self._note is not None:
                self._note[0].write_text(self._note[1])
        return self._file


class BodyReader(Protocol):
    """Turns a reply's body into a file's bytes. Each try has a new one."""

    def feed(self, data: bytes) -> bytes:
        """Read more data."""
        ...

    def end(self) -> None:
        """Handle the orderly end of the reply: raise `InvalidResponseError` unless it was complete."""
        ...


class Reported:
    """A reader that reports how many bytes have arrived, and the total (None if that is not known)."""

    def __init__(self, reader: BodyReader, on_progress: Callable[[int, int | None], object], total: int | None) -> None:
        self._reader = reader
        self._on_progress = on_progress
        self._total = total
        self._done = 0

    def feed(self, data: bytes) -> bytes:
        """Read more data, and report the progress."""
        found = self._reader.feed(data)
        self._done += len(found)
        self._on_progress(self._done, self._total)
        return found

    def end(self) -> None:
        """Handle the orderly end of the reply."""
        self._reader.end()


@dataclass(frozen=True, slots=True)
class Save(Transfer):
    """Send one request, and write what `reader` makes of the reply to `path`. The file appears when it is complete.

    Raises:
        FileExistsError: It exists and must not be overwritten, or another download is writing it.
    """

    request: Request
    path: Path
    reader: Callable[[], BodyReader]
    overwrite: bool = True

    def run(self, transport: SyncTransport) -> Path:
        """Save it, blocking."""
        return transport.send_raw(self.request, self._take)

    async def arun(self, transport: AsyncTransport) -> Path:
        """Save it without blocking the event loop."""
        return await transport.send_raw(self.request, self._atake)

    @property
    def _part(self) -> Path:
        return part_path(self.path)

    def _take(self, reply: IncomingReply) -> Path:
        reader, writer, claim = self.reader(), Writer(self._part), self._claim()
        try:
            for chunk in reply.chunks():
                _append(writer, reader, chunk)
            return self._keep(reader, writer, claim)
        finally:
            writer.close()
            claim.drop(self._part)

    async def _atake(self, reply: AsyncIncomingReply) -> Path:
        # Not in a thread: an abandoned one would hold a claim that nothing releases.
        reader, writer, claim = self.reader(), Writer(self._part), self._claim()
        try:
            async for data in gathered_chunks(reply):
                await asyncio.to_thread(_append, writer, reader, data)
            return await asyncio.to_thread(self._keep, reader, writer, claim)
        finally:
            writer.close()
            claim.drop(self._part)

    def _claim(self) -> Claim:
        claim = Claim(self._part)
        try:
            check_free(self.path, overwrite=self.overwrite)
        except BaseException:
            claim.drop(self._part)
            raise
        return claim

    def _keep(self, reader: BodyReader, writer: Writer, claim: Claim) -> Path:
        reader.end()
        writer.finish()
        claim.keep(self.path, self._part)
        return self.path


def _append(writer: Writer, reader: BodyReader, data: bytes) -> None:
    for start in range(0, len(data), _SLICE):  # a reader makes several copies of what it reads
        writer.write(reader.feed(data[start : start + _SLICE]))


def check_free(path: Path, *, overwrite: bool) -> None:
    """Check that a download may put its file there.

    Raises:
        FileExistsError: The file exists and must not be overwritten, or the path is not a file: a folder, a pipe, a device.
    """
    if not path.exists():
        return
    if not path.is_file():
        raise FileExistsError(f"{path} is not a file, and is not replaced by one.")
    if not overwrite:
        raise FileExistsError(f"{path} exists; overwrite=True replaces it.")


def part_path(path: Path) -> Path:
    """Return where a file is written until it is complete."""
    return path.with_name(f"{path.name}.part")


async def gathered_chunks(reply: AsyncIncomingReply) -> AsyncGenerator[bytes]:
    """Yield a body in larger pieces, each of which a thread writes. What came before a break is yielded before its error."""
    gathered: list[bytes] = []
    size, failure = 0, None
    try:
        async with aclosing(cast("AsyncGenerator[bytes]", reply.chunks())) as chunks:
            async for chunk in chunks:
                gathered.append(chunk)
                size += len(chunk)
                if size >= BATCH:
                    yield b"".join(gathered)
                    gathered, size = [], 0
    except LLMEngineError as error:
        failure = error
    if gathered:
        yield b"".join(gathered)
    if failure is not None:
        raise failure
