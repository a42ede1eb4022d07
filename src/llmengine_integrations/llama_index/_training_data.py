"""Prepares the training data of a fine-tune for sending."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias, cast

from llama_index.core.base.llms.types import ChatMessage

from ..datasets import TrainingFile, TrainingRow
from ..errors import InvalidArgumentError
from .callbacks import LLMEngineFineTuningHandler

Row: TypeAlias = TrainingRow | tuple[str, str] | Mapping[str, str] | Sequence[ChatMessage]
Data: TypeAlias = str | os.PathLike[str] | LLMEngineFineTuningHandler | Iterable[Row]
"""A file id, a URL or a path; or examples: rows, conversations whose last message is the answer, a handler, or a pandas DataFrame."""
Examples: TypeAlias = str | Path | list[TrainingRow]


def examples(data: Data, messages_to_prompt: Callable[[Sequence[ChatMessage]], str]) -> Examples:
    """The data to send: a reference that the server reads itself, a local file, or rows.

    Raises:
        InvalidArgumentError: The file does not exist, or a row is not a row of training data.
    """
    if isinstance(data, str) and (data.startswith("file-") or "://" in data):
        return data
    if isinstance(data, str | os.PathLike):
        path = Path(data)
        if not path.is_file():
            raise InvalidArgumentError(
                f"There is no file {path}. Training data is a path, a URL, a file's id, or rows of prompt and response."
            )
        return path
    if isinstance(data, LLMEngineFineTuningHandler):
        rows: list[Any] = [*dict.fromkeys(data.rows)]  # without duplicates, as in the file that the handler saves
    elif hasattr(data, "to_dict"):  # a DataFrame, without importing pandas
        rows = cast("Any", data).to_dict("records")
    else:
        rows = [*data]
    return [_row(row, messages_to_prompt) for row in rows]


@contextmanager
def as_file(data: Path | list[TrainingRow], name: str) -> Generator[Path]:
    """The data as a local file. Rows go into a temporary file, including duplicates: repeating a row gives it more weight.

    Raises:
        InvalidArgumentError: There are no rows, or a row lacks its prompt or response.
    """
    if isinstance(data, Path):
        yield data
        return
    if not data:
        raise InvalidArgumentError("There is nothing to train on: no row at all.")
    for number, row in enumerate(data, start=1):
        if not all(map(str.strip, row)):
            raise InvalidArgumentError(f"Row {number} of the training data has an empty prompt or response.")
    with TemporaryDirectory(prefix="llmengine-") as folder:
        file = TrainingFile(Path(folder) / name, deduplicate=False)
        file.append(data)
        yield file.path


def _row(row: Row, messages_to_prompt: Callable[[Sequence[ChatMessage]], str]) -> TrainingRow:
    match cast("Any", row):
        case {"prompt": str(prompt), "response": str(response)}:
            return TrainingRow(prompt, response)
        case (str(prompt), str(response)):
            return TrainingRow(prompt, response)
        case [*asked, ChatMessage() as answer] if asked and all(isinstance(one, ChatMessage) for one in asked):
            return TrainingRow(messages_to_prompt(cast("Sequence[ChatMessage]", asked)), answer.content or "")
        case _:
            raise InvalidArgumentError(
                "A row of training data is a pair of strings, a mapping with prompt and response, or chat messages that end with "
                f"the answer; not {str(row)[:80]!r}."
            )
