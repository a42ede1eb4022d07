"""Is a file fit for fine-tuning? Read row by row, in constant memory, before it is uploaded.

The gateway itself looks at the header only, and only when a fine-tune is created; the job then fails on the rest.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from ..errors import InvalidArgumentError, TrainingDataError, TrainingDataProblem
from ..uploads.source import FileSource, Source, open_source

COLUMNS = (("prompt", "response"), ("input", "output"))
MAX_ROWS = 100_000
ADVISED_ROWS = 200
MAX_PROBLEMS = 50
"""Problems that are listed; more are of no help."""
_MAX_LINE = 4 * 1024 * 1024
"""Characters in a line: an unbounded one would be an unbounded amount of memory."""
_BROKEN = re.compile("[\udc80-\udcff]")  # what the decoder makes of bytes that are not UTF-8
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a fit file holds."""

    format: Literal["csv", "jsonl"]
    columns: tuple[str, str]
    """The two columns that training uses."""
    rows: int
    """Examples; the header and empty lines do not count."""
    warnings: tuple[str, ...] = ()


def check_training_file(source: FileSource) -> TrainingData:
    """Read a training or validation file to its end.

    Rows are counted from 1; a CSV file's header is row 1, as in a spreadsheet.

    Args:
        source: A path, the bytes, or a file that is open for reading; that is put back where it stood.

    Raises:
        TrainingDataError: It is not fit; its `problems` say what is wrong and in which row.
        OSError: It cannot be read.
    """
    opened = open_source(source)
    try:
        return check_source(opened)
    finally:
        opened.close()


def check_source(source: Source) -> TrainingData:
    """`check_training_file` for a file that is open already; it is put back where it stood."""
    if not source.repeatable:
        raise InvalidArgumentError(f"{source.filename} can be read only once, so it cannot be checked first.")
    check = _Check()
    try:
        found = check.run(source)
    finally:
        source.rewind()
    if check.problems:
        raise TrainingDataError(source.filename, check.problems)
    return found


class _Raw(io.RawIOBase):
    """A source as a file of Python's own, for its decoder of lines."""

    def __init__(self, source: Source) -> None:
        self._chunks = source.chunks()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._rest or next(self._chunks, b"")
        self._rest = data[len(buffer) :]
        count = min(len(data), len(buffer))
        buffer[:count] = data[:count]
        return count


@dataclass(slots=True)
class _Check:
    problems: list[TrainingDataProblem] = field(default_factory=list[TrainingDataProblem])
    rows: int = 0
    row: int = 0
    columns: tuple[str, str] | None = None
    full: bool = False

    def run(self, source: Source) -> TrainingData:
        kind: Literal["csv", "jsonl"] = "csv"
        lines = _lines(source)
        try:
            first = next(lines, "")
            if not self._undecodable(first):
                kind = "jsonl" if first.lstrip(_BOM + " \t").startswith("{") else "csv"
                (self._jsonl if kind == "jsonl" else self._csv)(_chain(first.removeprefix(_BOM), lines))
        except csv.Error as error:
            self._add(f"The row cannot be read: {error}.", self.row + 1)
        return self._result(kind)

    def _undecodable(self, first: str) -> bool:
        if first.encode("utf-8", "surrogateescape").startswith(_UTF16):
            self._add("The file is UTF-16; save it as UTF-8.", 1)
            return True
        if "\0" in first:
            self._add("The file has NUL characters, as UTF-16 has; save it as UTF-8.", 1)
            return True
        if first.startswith(_BOM):
            self._add("The file begins with a byte order mark, which hides its first column; save it without.", 1)
        return False

    def _result(self, kind: Literal["csv", "jsonl"]) -> TrainingData:
        if not self.rows and not self.problems:
            self._add("The file has no rows.")
        rows = "1 row" if self.rows == 1 else f"{self.rows} rows"
        few = f"The file has {rows}; {ADVISED_ROWS} or more are advised."
        return TrainingData(kind, self.columns or COLUMNS[0], self.rows, (few,) if self.rows < ADVISED_ROWS else ())

    def _add(self, message: str, row: int | None = None, column: str | None = None) -> None:
        self.problems.append(TrainingDataProblem(message, row, column))
        self.full = self.full or len(self.problems) >= MAX_PROBLEMS

    def _count(self, row: int) -> None:
        self.rows += 1
        if self.rows > MAX_ROWS:
            self._add(f"The file has more than {MAX_ROWS:,} rows.", row)
            self.full = True

    def _csv(self, lines: Iterator[str]) -> None:
        records = csv.reader(lines, strict=True)
        header = next(records, list[str]())
        self.row = 1
        self._header(header)
        for self.row, record in enumerate(records, start=2):
            if self.full or self.columns is None:
                return
            if record:
                self._record(record, header, self.row)

    def _header(self, header: Sequence[str]) -> None:
        for pair in COLUMNS:
            if all(name in header for name in pair):
                self.columns = pair
                for name in pair:
                    if header.count(name) > 1:
                        self._add("The column is there twice.", 1, name)
                return
        found = ", ".join(map(repr, header[:10])) or "nothing"
        self._add(f"The header must have the columns {_wanted()}; it has {_shown(found)}.", 1)

    def _record(self, record: Sequence[str], header: Sequence[str], row: int) -> None:
        self._count(row)
        if any(map(_BROKEN.search, record)):
            self._add("The row is not valid UTF-8.", row)
        if len(record) != len(header):
            self._add(f"The row has {len(record)} cells, the header {len(header)}; quote cells that have commas.", row)
            return
        for name in self.columns or ():
            if not record[header.index(name)].strip():
                self._add("The cell is empty.", row, name)

    def _jsonl(self, lines: Iterator[str]) -> None:
        for self.row, line in enumerate(lines, start=1):
            if self.full:
                return
            if line.strip():
                self._object(line, self.row)

    def _object(self, line: str, row: int) -> None:
        self._count(row)
        if _BROKEN.search(line):
            self._add("The row is not valid UTF-8.", row)
            return
        try:
            value: object = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = (
                f"{error.msg} at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else str(error)
            )
            self._add(f"The row is not valid JSON: {reason}.", row)
            return
        if not isinstance(value, dict):
            self._add("The row is not a JSON object.", row)
            return
        self._cells(cast("dict[str, object]", value), row)

    def _cells(self, value: dict[str, object], row: int) -> None:
        pairs = [self.columns] if self.columns else COLUMNS
        pair = next((pair for pair in pairs if all(name in value for name in pair)), None)
        if pair is None:
            wanted = _wanted() if self.columns is None else " and ".join(self.columns)
            self._add(f"The row must have {wanted}; it has {_shown(', '.join(map(repr, value)) or 'nothing')}.", row)
            return
        self.columns = pair
        for name in pair:
            cell = value[name]
            if not isinstance(cell, str):
                self._add(f"The value must be a string, not {type(cell).__name__}.", row, name)
            elif not cell.strip():
                self._add("The value is empty.", row, name)


def _lines(source: Source) -> Iterator[str]:
    with io.TextIOWrapper(
        io.BufferedReader(_Raw(source)), encoding="utf-8", errors="surrogateescape", newline=""
    ) as text:
        while line := text.readline(_MAX_LINE):
            if len(line) == _MAX_LINE:
                raise csv.Error(f"a line has {_MAX_LINE:,} characters or more")
            yield line


def _chain(first: str, lines: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from lines


def _wanted() -> str:
    return ", or ".join(" and ".join(pair) for pair in COLUMNS)


def _shown(text: str) -> str:
    return (text if len(text) <= 120 else f"{text[:120]}...").encode("utf-8", "replace").decode()  # noqa: PLR2004 - enough to see
