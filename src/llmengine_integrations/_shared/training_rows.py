"""Reads training files: for the client's check, for files that rows are added to, and for the engine."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO, Literal, NamedTuple, TypeAlias, cast

Format: TypeAlias = Literal["csv", "jsonl"]

COLUMNS = (("prompt", "response"), ("input", "output"))
MAX_ROWS = 100_000
LONGEST_CELL = 131_072
"""The maximum number of characters in a cell of a CSV file. CSV readers, including Python's, accept no more."""
LONGEST_LINE = 4 * 1024 * 1024 - 1
"""The maximum number of characters in a line, including its end. Without a limit, a line could take any amount of memory."""

_BROKEN = re.compile("[\udc80-\udcff]")  # the decoder's output for bytes that are not UTF-8
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = "\ufeff"


class Row(NamedTuple):
    """One example."""

    number: int
    """Its position in the file, from 1. A CSV file's header is row 1, as in a spreadsheet."""
    prompt: str
    response: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a training file."""

    message: str
    row: int | None = None
    """Counted from 1, including a CSV file's header; None for a problem of the whole file."""
    column: str | None = None

    def __str__(self) -> str:
        where = f"row {self.row}" if self.row else ""
        column = f"column {self.column}" if self.column else ""
        return ": ".join(filter(None, (", ".join(filter(None, (where, column))), self.message)))


@dataclass(frozen=True, slots=True)
class MissingColumns(Problem):
    """A file, or its first row, lacks the columns that training needs."""


class TrainingReader:
    """Reads a training file to its end. Yields its rows, and a problem in place of each invalid row.

    The file is CSV with a header, or JSON lines, in UTF-8. Empty lines are skipped. Little memory is used, however long the file is. If
    reading on would make no sense, a problem is the last item. The file stays open.

    Args:
        file: Open for reading, at its beginning.
        format: The file's format; None to detect it from the first line.
        growing: Whether rows are still being added to it. Then it may have no rows yet, or more than `MAX_ROWS`.

    Attributes:
        format: The file's format; None until its first line has been read.
        columns: The two columns that training uses; None until they have been found.
        header: The columns of a CSV file.
    """

    def __init__(self, file: BinaryIO, format: Format | None = None, *, growing: bool = False) -> None:  # noqa: A002 - the usual word
        self.format: Format | None = format
        self.columns: tuple[str, str] | None = None
        self.header: tuple[str, ...] = ()
        self._file = file
        self._growing = growing
        self._row = 0
        self._rows = 0

    def __iter__(self) -> Iterator[Row | Problem]:
        fit = True
        for found in self._found():
            fit = fit and isinstance(found, Row)
            yield found
        if fit and not self._rows and not self._growing:
            yield Problem("The file has no rows.")

    def _found(self) -> Iterator[Row | Problem]:
        text = io.TextIOWrapper(self._file, encoding="utf-8", errors="surrogateescape", newline="")
        try:
            yield from self._read(_lines(text))
        except csv.Error as error:
            yield Problem(f"The row cannot be read: {error}.", self._row + 1)
        finally:
            with suppress(ValueError):  # already closed
                text.detach()

    def _read(self, lines: Iterator[str]) -> Iterator[Row | Problem]:
        first = next(lines, "")
        if first.encode("utf-8", "surrogateescape").startswith(_UTF16):
            yield Problem("The file is UTF-16; save it as UTF-8.", 1)
            return
        if "\0" in first:
            yield Problem("The file has NUL characters, as UTF-16 has; save it as UTF-8.", 1)
            return
        if first.startswith(_BOM):
            yield Problem("The file begins with a byte order mark, which hides its first column; save it without.", 1)
        first = first.removeprefix(_BOM)
        self.format = self.format or ("jsonl" if first.lstrip().startswith("{") else "csv")
        read = self._csv if self.format == "csv" else self._jsonl
        yield from read(chain([first] if first else [], lines))

    def _csv(self, lines: Iterator[str]) -> Iterator[Row | Problem]:
        records = csv.reader(lines, strict=True)
        header = next(records, None)
        if header is None and self._growing:
            return
        self.header, self._row = tuple(header or ()), 1
        yield from self._header_problems(self.header)
        if self.columns is None:
            return
        first, second = map(self.header.index, self.columns)
        for self._row, record in enumerate(records, start=2):
            if not record:
                continue
            self._rows += 1
            if self._too_many:
                yield self._too_many_rows()
                return
            flaw = _record_flaw(record, len(self.header))
            yield from [Problem(flaw, self._row)] if flaw else self._example(record[first], record[second], "cell")

    def _header_problems(self, header: Sequence[str]) -> Iterator[Problem]:
        if any(map(_BROKEN.search, header)):
            yield Problem(_NOT_UTF8, 1)
        self.columns = next((pair for pair in COLUMNS if all(name in header for name in pair)), None)
        if self.columns is None:
            found = _shown(header[:10])
            yield MissingColumns(f"The header must have the columns {_wanted()}; it has {found}.", 1)
        for name in self.columns or ():
            if header.count(name) > 1:
                yield Problem("The column is there twice.", 1, name)

    def _jsonl(self, lines: Iterator[str]) -> Iterator[Row | Problem]:
        for self._row, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            self._rows += 1
            if self._too_many:
                yield self._too_many_rows()
                return
            value = _json_object(line)
            yield from [Problem(value, self._row)] if isinstance(value, str) else self._cells(value)

    def _cells(self, value: Mapping[str, object]) -> Iterator[Row | Problem]:
        pairs = [self.columns] if self.columns else COLUMNS
        pair = next((pair for pair in pairs if all(name in value for name in pair)), None)
        if pair is None:
            kind = Problem if self.columns else MissingColumns
            wanted = " and ".join(self.columns) if self.columns else _wanted()
            yield kind(f"The row must have {wanted}; it has {_shown([*value])}.", self._row)
            return
        self.columns = pair
        yield from self._example(value[pair[0]], value[pair[1]], "value")

    def _example(self, prompt: object, response: object, word: str) -> Iterator[Row | Problem]:
        flawed = False
        for name, cell in zip(self.columns or (), (prompt, response), strict=True):
            if not isinstance(cell, str):
                flawed = True
                yield Problem(f"The {word} must be a string, not {type(cell).__name__}.", self._row, name)
            elif not cell.strip():
                flawed = True
                yield Problem(f"The {word} is empty.", self._row, name)
        if not flawed:
            yield Row(self._row, cast("str", prompt), cast("str", response))

    @property
    def _too_many(self) -> bool:
        return self._rows > MAX_ROWS and not self._growing

    def _too_many_rows(self) -> Problem:
        return Problem(f"The file has more than {MAX_ROWS:,} rows.", self._row)


_NOT_UTF8 = "The row is not valid UTF-8."


def _cell_flaw(text: str) -> str | None:
    """Return why a text cannot be a cell of a CSV file; None if it can."""
    if "\0" in text:
        return "The row has a NUL character, which CSV cannot hold."
    if len(text) > LONGEST_CELL:
        return f"The row cannot be read: field larger than field limit ({LONGEST_CELL})."
    return None


def _record_flaw(record: Sequence[str], columns: int) -> str | None:
    if any(map(_BROKEN.search, record)):
        return _NOT_UTF8
    if flaw := next(filter(None, map(_cell_flaw, record)), None):
        return flaw
    if len(record) != columns:
        return f"The row has {len(record)} cells, the header {columns}; quote cells that have commas."
    return None


def _json_object(line: str) -> Mapping[str, object] | str:
    """Return the object in a line, or what is wrong with it."""
    if _BROKEN.search(line):
        return _NOT_UTF8
    try:
        value: object = json.loads(line)
        if "\\u" in line:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return r"The row has half a surrogate pair, such as \ud83d alone, which is not a character."
    except json.JSONDecodeError as error:
        return f"The row is not valid JSON: {error.msg} at character {error.pos + 1}."
    except (ValueError, RecursionError) as error:
        return f"The row is not valid JSON: {error}."
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else "The row is not a JSON object."


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise csv.Error(f"a line has {LONGEST_LINE + 1:,} characters or more")
        yield line


def _wanted() -> str:
    return ", or ".join(" and ".join(pair) for pair in COLUMNS)


def _shown(names: Sequence[str]) -> str:
    text = ", ".join(map(repr, names)) or "nothing"
    return (text if len(text) <= 120 else f"{text[:120]}...").encode("utf-8", "replace").decode()  # noqa: PLR2004 - enough to see
