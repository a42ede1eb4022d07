"""Checks that a file is valid training data, before it is uploaded: row by row, in constant memory.

The gateway itself checks only the header, and only when a fine-tune is created. The job then fails because of the rest.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from ..._shared.training_rows import COLUMNS, MAX_ROWS, Format, Row, TrainingReader
from ..errors import InvalidArgumentError, TrainingDataError, TrainingDataProblem
from ..uploads.source import FileSource, Source, open_source

__all__ = ["MAX_PROBLEMS", "MAX_ROWS", "TrainingData", "check_source", "check_training_file"]

ADVISED_ROWS = 200
MAX_PROBLEMS = 50
"""The number of problems that are listed; more would not help."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The content of a valid file."""

    format: Format
    columns: tuple[str, str]
    """The two columns that training uses."""
    rows: int
    """The number of examples; the header and empty lines do not count."""
    warnings: tuple[str, ...] = ()


def check_training_file(source: FileSource) -> TrainingData:
    """Read a training or validation file to its end.

    Rows are counted from 1; a CSV file's header is row 1, as in a spreadsheet.

    Args:
        source: A path, the bytes, or a file that is open for reading; its position is restored.

    Raises:
        TrainingDataError: It is not valid; its `problems` say what is wrong and in which row.
        OSError: It cannot be read.
    """
    opened = open_source(source)
    try:
        return check_source(opened)
    finally:
        opened.close()


def check_source(source: Source) -> TrainingData:
    """The version of `check_training_file` for a file that is already open; its position is restored."""
    if not source.repeatable:
        raise InvalidArgumentError(f"{source.filename} can be read only once, so it cannot be checked first.")
    problems, rows = list[TrainingDataProblem](), 0
    reader = TrainingReader(io.BufferedReader(_Raw(source)))
    try:
        for found in reader:
            if isinstance(found, Row):
                rows += 1
            else:
                problems.append(TrainingDataProblem(found.message, found.row, found.column))
            if len(problems) >= MAX_PROBLEMS:
                break
    finally:
        source.rewind()
    if problems:
        raise TrainingDataError(source.filename, problems)
    return _result(reader, rows)


class _Raw(io.RawIOBase):
    """Wraps a source as a Python file, for Python's line decoder."""

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


def _result(reader: TrainingReader, rows: int) -> TrainingData:
    found = "1 row" if rows == 1 else f"{rows} rows"
    few = f"The file has {found}; {ADVISED_ROWS} or more are advised."
    warnings = (few,) if rows < ADVISED_ROWS else ()
    return TrainingData(reader.format or "csv", reader.columns or COLUMNS[0], rows, warnings)
