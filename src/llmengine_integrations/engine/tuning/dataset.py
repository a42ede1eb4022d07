"""The rows of a fine-tune's files. `_shared/training_rows.py` decides which rows are valid, for the client too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from llmengine_integrations._shared.training_rows import COLUMNS, MissingColumns, Problem, Row, TrainingReader

__all__ = ["COLUMNS", "DatasetError", "MissingColumnsError", "Row", "read_rows"]


class DatasetError(Exception):
    """A file that cannot be used for training. The message names the row, and ends with a full stop."""


class MissingColumnsError(DatasetError):
    """A file without the two columns."""


def read_rows(file: BinaryIO) -> Iterator[Row]:
    """Yield the rows of a file, reading one after the other and skipping empty lines.

    Raises:
        DatasetError: the file is not training data, or a row is invalid; raised at the first row that shows it.
    """
    for found in TrainingReader(file):
        if isinstance(found, Problem):
            raise (MissingColumnsError if isinstance(found, MissingColumns) else DatasetError)(str(found))
        yield found
