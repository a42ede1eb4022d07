"""Training files: CSV with a header, or JSON lines, with the columns prompt and response, or input and output."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, cast

COLUMNS = (("prompt", "response"), ("input", "output"))
MAX_ROWS = 100_000
_LONGEST_LINE = 4 * 1024 * 1024  # characters; an unbounded line would be an unbounded amount of memory


class DatasetError(Exception):
    """A file that cannot be trained with; the message names the row."""


class MissingColumnsError(DatasetError):
    """A file without the two columns."""


class Row(NamedTuple):
    """One example."""

    number: int
    """Its place in the file, from 1; a CSV file's header is row 1, as in a spreadsheet."""
    prompt: str
    response: str


def read_rows(file: BinaryIO) -> Iterator[Row]:
    """The rows of a file, read one after the other; empty lines are left out.

    Raises:
        DatasetError: the file is none, or a row is not fit; at the row where that is found.
    """
    count = 0
    for row in _rows(file):
        count += 1
        if count > MAX_ROWS:
            raise DatasetError(f"row {row.number}: the file has more than {MAX_ROWS:,} rows")
        for name, cell in (("prompt", row.prompt), ("response", row.response)):
            if not cell.strip():
                raise DatasetError(f"row {row.number}: the {name} is empty")
        yield row
    if not count:
        raise DatasetError("the file has no rows")


def _rows(file: BinaryIO) -> Iterator[Row]:
    lines = _Lines(file)
    try:
        first = next(lines, "")
        if first.startswith("\ufeff"):
            raise DatasetError("row 1: the file begins with a byte order mark, which hides its first column")
        if first.lstrip().startswith("{"):
            yield from _json_rows(first, lines)
        else:
            yield from _csv_rows(_chained(first, lines))
    finally:
        lines.release()


class _Lines:
    """The lines of a file, line ends included, each of a bounded length."""

    def __init__(self, file: BinaryIO) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        self._number = 0

    def release(self) -> None:
        """Leave the file to whoever opened it, and closes it."""
        self._text.detach()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self._number += 1
        try:
            line = self._text.readline(_LONGEST_LINE)
        except UnicodeDecodeError as error:
            raise DatasetError(f"line {self._number} or the next: the file is not UTF-8 ({error.reason})") from error
        if len(line) == _LONGEST_LINE:
            raise DatasetError(f"line {self._number}: the line has {_LONGEST_LINE:,} characters or more")
        if "\0" in line:
            raise DatasetError(f"line {self._number}: the file has NUL characters; save it as UTF-8")
        if not line:
            raise StopIteration
        return line


def _csv_rows(lines: Iterator[str]) -> Iterator[Row]:
    records, number = csv.reader(lines, strict=True), 1
    try:
        header = next(records, list[str]())
        first, second = _columns(header)
        for number, record in enumerate(records, start=2):
            if len(record) == len(header):
                yield Row(number, record[first], record[second])
            elif record:
                found, wanted = len(record), len(header)
                raise DatasetError(f"row {number}: it has {found} cells, the header {wanted}; quote cells with commas")
    except csv.Error as error:
        raise DatasetError(f"row {number} or the next: {error}") from error


def _columns(header: list[str]) -> tuple[int, int]:
    for first, second in COLUMNS:
        if first in header and second in header:
            return header.index(first), header.index(second)
    raise MissingColumnsError


def _json_rows(first: str, lines: Iterator[str]) -> Iterator[Row]:
    names: tuple[str, str] | None = None
    for number, line in enumerate(_chained(first, lines), start=1):
        if not line.strip():
            continue
        row = _json_object(line, number)
        names = names or next((pair for pair in COLUMNS if row.keys() >= set(pair)), None)
        if names is None:
            raise MissingColumnsError
        prompt, response = row.get(names[0]), row.get(names[1])
        if not (isinstance(prompt, str) and isinstance(response, str)):
            raise DatasetError(f"row {number}: {names[0]} and {names[1]} must be there, and strings")
        yield Row(number, prompt, response)


def _json_object(line: str, number: int) -> dict[str, object]:
    try:
        value: object = json.loads(line)
        line.encode()
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"row {number}: it is no JSON that could be read ({error})") from error
    if not isinstance(value, dict):
        raise DatasetError(f"row {number}: it is no JSON object")
    return cast("dict[str, object]", value)


def _chained(first: str, lines: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from lines
