"""A file of training data that many writers extend.

Each append copies the file next to it, extends the copy, and replaces the file with it. So a crash leaves either the old file or the new
one, and anything that reads or uploads it meanwhile sees one of them as a whole. (Appending in place would be cheaper, but half a row could
remain after a power failure, or on a full disk.) A lock file makes writers take turns.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import IO, TypeAlias

from ..._shared.durable_files import replacing
from ..._shared.file_lock import file_lock
from ..._shared.thread_lock import ThreadLock
from .rows import Format, Layout, TrainingRow, format_of, read_rows

Example: TypeAlias = TrainingRow | tuple[str, str] | Mapping[str, str]
_PIECE = 1024 * 1024  # bytes
_Stamp: TypeAlias = tuple[int, int, int] | None


class TrainingFile:
    """Prompt/response pairs in a CSV or JSON lines file, as fine-tunes accept them. Safe for threads and for processes of one machine.

    The first rows create the file. An existing file is extended, in its own columns (`prompt` and `response`, or `input` and `output`). An
    empty `.NAME.lock` stays next to it. An append takes some milliseconds, and two more for each megabyte of the file. If
    another process wrote last, it takes forty per megabyte, because the file is read again. So add many rows at once if you can.

        data = TrainingFile("train.csv")
        data.append([("The capital of France is", " Paris.")])
        client.files.upload(data.path, check=True)

    Args:
        path: The file. Its extension decides the format: `.csv`, or `.jsonl` (`.ndjson`).
        keep: Decides which rows to add; all by default.
        deduplicate: Whether to leave out rows that are in the file already, or were given before.

    Raises:
        InvalidArgumentError: The path has another extension.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        keep: Callable[[TrainingRow], bool] | None = None,
        deduplicate: bool = True,
    ) -> None:
        self.path = Path(path)
        self._format: Format = format_of(self.path)
        self._keep = keep
        self._deduplicate = deduplicate
        self._lock = ThreadLock()
        self._layout = Layout(self._format)
        self._seen: set[bytes] = set()
        self._stamp: _Stamp = None

    def append(self, rows: Iterable[Example]) -> int:
        """Add rows, all or none of them, and return how many were new. When it returns, they are on the disk.

        A row whose prompt or response is blank is left out, because no fine-tune accepts it.

        Args:
            rows: Pairs of prompt and response, or mappings with these keys.

        Raises:
            TrainingDataError: The file exists but is not training data.
            InvalidArgumentError: A row cannot be written.
            OSError: The file cannot be read or written; it is unchanged.
        """
        taken = [row for row in map(_row, rows) if all(map(str.strip, row)) and (self._keep is None or self._keep(row))]
        if not taken:
            return 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        path = Path(os.path.realpath(self.path))  # a link stays a link
        with self._lock, file_lock(path.with_name(f".{path.name}.lock")):
            self._catch_up(path)
            fresh, keys = self._fresh(taken)
            if fresh:
                _extend(path, self._layout, fresh)
                self._seen |= keys
                self._stamp = _stamp(path)
            return len(fresh)

    def __iter__(self) -> Iterator[TrainingRow]:
        """Yield the rows, as the file is now; none if it does not exist.

        Raises:
            TrainingDataError: The file is not training data.
            OSError: It cannot be read.
        """
        if _stamp(self.path):
            yield from read_rows(self.path, self._format)[1]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def _catch_up(self, path: Path) -> None:
        """Read the file, if it has changed since this object used it."""
        stamp = _stamp(path)
        if stamp == self._stamp:
            return
        layout, seen = Layout(self._format), set[bytes]()
        if stamp:
            layout, rows = read_rows(path, self._format)
            seen = {_key(row) for row in rows}
        self._layout, self._seen, self._stamp = layout, seen, stamp

    def _fresh(self, rows: Iterable[TrainingRow]) -> tuple[list[TrainingRow], set[bytes]]:
        fresh, keys = list[TrainingRow](), set[bytes]()
        for row in rows:
            key = _key(row)
            if not self._deduplicate or not (key in keys or key in self._seen):
                fresh.append(row)
                keys.add(key)
        return fresh, keys


def _row(example: Example) -> TrainingRow:
    if isinstance(example, Mapping):
        return TrainingRow(example["prompt"], example["response"])
    return TrainingRow(*example)


def _key(row: TrainingRow) -> bytes:
    """Return sixteen bytes for a row, so that the set of known rows of a large file stays small."""
    digest = blake2b(len(row.prompt).to_bytes(8), digest_size=16)
    digest.update("".join(row).encode("utf-8", "surrogatepass"))
    return digest.digest()


def _stamp(path: Path) -> _Stamp:
    """Return what distinguishes one state of a file from another; None if there is no file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _extend(path: Path, layout: Layout, rows: Iterable[TrainingRow]) -> None:
    old = _stamp(path)
    empty = not old or not old[1]
    added = layout.encode(rows, with_header=empty)
    part = path.with_name(f".{path.name}.part")  # the lock allows only one; a dead writer's is overwritten
    with replacing(path, part=part) as file:
        if not empty:
            _copy(path, file)
        file.write(added)


def _copy(path: Path, file: IO[bytes]) -> None:
    """Copy a file that is not empty, and end its last line."""
    with path.open("rb") as old:
        shutil.copyfileobj(old, file, _PIECE)
        old.seek(-1, os.SEEK_END)
        file.write(b"" if old.read(1) in b"\r\n" else b"\n")
