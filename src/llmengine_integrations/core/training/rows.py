"""Converts rows of training data to and from text, as CSV or JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..._shared.training_rows import COLUMNS, LONGEST_CELL, LONGEST_LINE, Format, Row, TrainingReader
from ..errors import InvalidArgumentError, TrainingDataError, TrainingDataProblem

_SUFFIXES: Mapping[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


class TrainingRow(NamedTuple):
    """An example: the model's input, and the expected output."""

    prompt: str
    response: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of a file's rows."""

    format: Format
    columns: tuple[str, str] = COLUMNS[0]
    """The columns of prompt and response."""
    header: tuple[str, ...] = COLUMNS[0]
    """A CSV file's columns. Columns that are neither prompt nor response stay empty in new rows."""

    def encode(self, rows: Iterable[TrainingRow], *, with_header: bool) -> bytes:
        """Return the rows in UTF-8, each with a line end.

        Raises:
            InvalidArgumentError: A text is too long, or has an unpaired surrogate, or a NUL character in CSV.
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
            if max(map(len, row)) > LONGEST_CELL:
                raise InvalidArgumentError(f"A cell of a CSV file holds {LONGEST_CELL:,} characters at most.")
            if any("\0" in cell for cell in row):
                raise InvalidArgumentError("A row of training data has a NUL character, which CSV cannot hold.")
            cells = dict(zip(self.columns, row, strict=True))
            writer.writerow([cells.get(name, "") for name in self.header])
        return text.getvalue()

    def _jsonl(self, rows: Iterable[TrainingRow]) -> str:
        objects = (dict(zip(self.columns, row, strict=True)) for row in rows)
        lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in objects]
        if lines and max(map(len, lines)) > LONGEST_LINE:
            raise InvalidArgumentError(f"A row of training data holds {LONGEST_LINE:,} characters at most.")
        return "".join(lines)


def format_of(path: Path) -> Format:
    """Return the format that a file's extension stands for.

    Raises:
        InvalidArgumentError: The extension is unknown.
    """
    if (found := _SUFFIXES.get(path.suffix.lower())) is None:
        raise InvalidArgumentError(f"{path.name}: a training file's name ends with one of {', '.join(_SUFFIXES)}.")
    return found


def read_rows(path: Path, kind: Format) -> tuple[Layout, Iterator[TrainingRow]]:
    """Return a file's layout, and its rows one by one, as the file was when it was opened. An empty file has none.

    Raises:
        TrainingDataError: It does not have the right columns; or, during the iteration, a row is invalid.
        OSError: It cannot be read.
    """
    file = path.open("rb")
    reader = TrainingReader(file, kind, growing=True)
    rows = _rows(path.name, file, reader)
    first = next(rows, None)  # reading it also reads the columns
    layout = Layout(kind, reader.columns or COLUMNS[0], reader.header or COLUMNS[0])
    return layout, chain([] if first is None else [first], rows)


def _rows(name: str, file: BinaryIO, reader: TrainingReader) -> Iterator[TrainingRow]:
    with file:
        for found in reader:
            if not isinstance(found, Row):
                problem = TrainingDataProblem(found.message, found.row, found.column)
                raise TrainingDataError(name, [problem])
            yield TrainingRow(found.prompt, found.response)
