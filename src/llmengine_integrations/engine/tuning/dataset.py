"""The rows of a fine-tune's files. What is fit is decided in `_shared/training_rows.py`, for the client too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from llmengine_integrations._shared.training_rows import COLUMNS, MissingColumns, Problem, Row, TrainingReader

__all__ = ["COLUMNS", "DatasetError", "MissingColumnsError", "Row", "read_rows"]


class DatasetError(Exception):
    """A file that cannot be trained with; the message names the row, and ends with a full stop."""


class MissingColumnsError(DatasetError):
    """A file without the two columns."""


def read_rows(file: BinaryIO) -> Iterator[Row]:
    """The rows of a file, read one after the other; empty lines are left out.

    Raises:
        DatasetError: the file is not training data, or a row is not fit; raised at the first row where that is found.
    """
    for found in TrainingReader(file):
        if isinstance(found, Problem):
            raise (MissingColumnsError if isinstance(found, MissingColumns) else DatasetError)(str(found))
        yield found
