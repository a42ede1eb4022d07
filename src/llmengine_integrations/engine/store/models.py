"""Fine-tuned models: a row and a folder each, which has the adapter in Hugging Face format."""

from __future__ import annotations

import logging
import re
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from .database import Database
from .durable import sync_folder

_log = logging.getLogger(__name__)

_OURS = re.compile(r"ft-[0-9a-f]{20}")


@dataclass(frozen=True, slots=True)
class TunedModel:
    """A fine-tuned model."""

    name: str
    base: str
    """The name of the model that it is an adapter for."""
    created_at: float
    """Seconds since 1970."""
    folder: Path


class ModelStore:
    """Fine-tuned models by name. A folder is named after the job that made the model.

    Args:
        folder: where the folders are; made if it is not there.
        database: where the rows are.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._database = database

    def all(self) -> list[TunedModel]:
        """All models, oldest first."""
        rows = self._database.rows("SELECT name, base, created_at, job FROM tuned_models ORDER BY number")
        return [TunedModel(name, base, created_at, self._folder / job) for name, base, created_at, job in rows]

    def take(self, job: str, adapter: Path) -> Path:
        """Move an adapter, which is on the disk, to where the model of a job is kept. It counts once `insert` is committed."""
        place = self._folder / job
        adapter.replace(place)
        sync_folder(self._folder)
        return place

    def insert(self, connection: sqlite3.Connection, job: str, model: TunedModel) -> None:
        """Add the row of a model that has been taken, as a part of a transaction."""
        connection.execute(
            "INSERT INTO tuned_models (name, base, created_at, job) VALUES (?, ?, ?, ?)",
            (model.name, model.base, model.created_at, job),
        )

    def forget(self, name: str) -> bool:
        """Delete a model's row: from now on there is no such model. False if there was none."""
        with self._database.transaction() as connection:
            return connection.execute("DELETE FROM tuned_models WHERE name = ?", (name,)).rowcount > 0

    def remove(self, folder: Path) -> None:
        """Delete a folder, once its model is forgotten."""
        shutil.rmtree(folder, onerror=_leave)

    def sweep(self) -> None:
        """Delete the folders without a row, and forget models whose folder somebody took away. Only while nobody uses the store."""
        known = {model.folder.name: model for model in self.all()}
        for path in self._folder.iterdir():
            if _OURS.fullmatch(path.name) and path.name not in known:
                self.remove(path)
        for model in known.values():
            if not (model.folder / "adapter_config.json").is_file():
                _log.warning("The model %s is listed, but %s is gone: it is listed no more.", model.name, model.folder)
                self.forget(model.name)
                self.remove(model.folder)


def _leave(_: object, path: str, error: object) -> None:
    """Windows keeps files that are being read; the next start sweeps them."""
    _log.info("%s is left for the next start: %s", path, error)
