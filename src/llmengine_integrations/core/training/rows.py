"""Rows of training data as text, CSV or JSON lines, both ways."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, cast

from ..errors import InvalidArgumentError, TrainingDataError, TrainingDataProblem
from .checks import COLUMNS

Format: TypeAlias = Literal["csv", "jsonl"]
_SUFFIXES: Mapping[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_LONGEST_CELL = 131_072
"""Characters that readers of CSV take in a cell, Python's own among them."""


class TrainingRow(NamedTuple):
    """An example: what the model is given, and what it should say."""

    prompt: str
    response: str


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a file are written."""

    format: Format
    columns: tuple[str, str] = COLUMNS[0]
    """Where prompt and response stand."""
    header: tuple[str, ...] = COLUMNS[0]
    """A CSV file's columns. Those that are neither stay empty in new rows."""

    def encode(self, rows: Iterable[TrainingRow], *, with_header: bool) -> bytes:
        """The rows in UTF-8, each with a line end.

        Raises:
            InvalidArgumentError: A text has half a surrogate pair, which UTF-8 cannot hold, or is too long for a cell.
        """
        text = self._csv(rows, with_header=with_header) if self.format == "csv" else self._jsonl(rows)
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            raise InvalidArgumentError("A row of training data has a character that UTF-8 cannot hold.") from error

    def _csv(self, rows: Iterable[TrainingRow], *, with_header: bool) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if with_header:
            writer.writerow(self.header)
        for row in rows:
            if max(map(len, row)) > _LONGEST_CELL:
                raise InvalidArgumentError(f"A cell of a CSV file holds {_LONGEST_CELL:,} characters at most.")
            cells = dict(zip(self.columns, row, strict=True))
            writer.writerow([cells.get(name, "") for name in self.header])
        return text.getvalue()

    def _jsonl(self, rows: Iterable[TrainingRow]) -> str:
        objects = (dict(zip(self.columns, row, strict=True)) for row in rows)
        return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects)


def format_of(path: Path) -> Format:
    """The format that a file's name says.

    Raises:
        InvalidArgumentError: It says none.
    """
    if (found := _SUFFIXES.get(path.suffix.lower())) is None:
        raise InvalidArgumentError(f"{path.name}: a training file's name ends with one of {', '.join(_SUFFIXES)}.")
    return found


def read_rows(path: Path, kind: Format) -> tuple[Layout, Iterator[TrainingRow]]:
    """A file's layout, and its rows one by one, as the file was when it was opened. An empty file has none.

    Raises:
        TrainingDataError: It does not have the right columns; or, later, a row is unfit.
        OSError: It cannot be read.
    """
    lines = _lines(path)
    return _read_csv(path.name, lines) if kind == "csv" else _read_jsonl(path.name, lines)


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="") as file:
        try:
            yield from file
        except UnicodeDecodeError as error:
            raise _unfit(path.name, f"The file is not valid UTF-8: {error}.") from error


def _read_csv(name: str, lines: Iterator[str]) -> tuple[Layout, Iterator[TrainingRow]]:
    records = _records(name, csv.reader(lines, strict=True))
    header = next(records, None)
    if header is None:
        return Layout("csv"), iter(())
    columns = _columns(name, header, row=1)

    def rows() -> Iterator[TrainingRow]:
        for number, record in enumerate(records, start=2):
            if record and len(record) != len(header):
                raise _unfit(name, f"The row has {len(record)} cells, the header {len(header)}.", number)
            if record:
                cells = dict(zip(header, record, strict=True))
                yield TrainingRow(cells[columns[0]], cells[columns[1]])

    return Layout("csv", columns, tuple(header)), rows()


def _records(name: str, reader: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise _unfit(name, f"A row cannot be read: {error}.") from error


def _read_jsonl(name: str, lines: Iterator[str]) -> tuple[Layout, Iterator[TrainingRow]]:
    objects = ((number, _object(name, line, number)) for number, line in enumerate(lines, start=1) if line.strip())
    first = next(objects, None)
    if first is None:
        return Layout("jsonl"), iter(())
    columns = _columns(name, list(first[1]), first[0])

    def rows() -> Iterator[TrainingRow]:
        for number, value in chain([first], objects):
            prompt, response = (value.get(column) for column in columns)
            if not isinstance(prompt, str) or not isinstance(response, str):
                raise _unfit(name, f"{' and '.join(columns)} must be strings.", number)
            yield TrainingRow(prompt, response)

    return Layout("jsonl", columns), rows()


def _object(name: str, line: str, number: int) -> dict[str, object]:
    try:
        value: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _unfit(name, f"The row is not valid JSON: {error}.", number) from error
    if not isinstance(value, dict):
        raise _unfit(name, "The row is not a JSON object.", number)
    return cast("dict[str, object]", value)


def _columns(name: str, found: Sequence[str], row: int) -> tuple[str, str]:
    for pair in COLUMNS:
        if all(column in found for column in pair):
            return pair
    wanted = ", or ".join(" and ".join(pair) for pair in COLUMNS)
    raise _unfit(name, f"The columns must be {wanted}; they are {', '.join(map(repr, found))[:120]}.", row)


def _unfit(name: str, message: str, row: int | None = None) -> TrainingDataError:
    return TrainingDataError(name, [TrainingDataProblem(message, row)])
