"""What a training process reads, and where it writes its result.

The folder of a job:

    FOLDER/job.json           the settings
    FOLDER/training.jsonl     the rows, as prompt and response
    FOLDER/validation.jsonl   the same for validation, if a file was given
    FOLDER/trainer.log        what the process writes to standard error
    FOLDER/adapter/           the result: complete, and on the disk, once the process says "saved"
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from .dataset import Row
from .hyperparameters import Hyperparameters

TRAINING = "training.jsonl"
VALIDATION = "validation.jsonl"
LOG = "trainer.log"
ADAPTER = "adapter"
_SETTINGS = "job.json"


class JobSettings(BaseModel):
    """A training's settings."""

    model_config = ConfigDict(frozen=True)

    name: str
    """The name of the fine-tuned model."""
    base: str
    """The name of the base model."""
    hyperparameters: Hyperparameters

    def write(self, folder: Path) -> None:
        """Write them to a job's folder."""
        (folder / _SETTINGS).write_text(self.model_dump_json())

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the settings of a job."""
        return cls.model_validate_json((folder / _SETTINGS).read_text())


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write rows as JSON lines, and count them."""
    count = 0
    with path.open("x", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps([row.prompt, row.response], ensure_ascii=False) + "\n")
            count += 1
    return count


def read_pairs(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the prompts and responses that `write_rows` wrote."""
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            prompt, response = json.loads(line)
            yield prompt, response
