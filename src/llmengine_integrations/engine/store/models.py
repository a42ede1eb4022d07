"""Fine-tuned models: each has a row, a folder and a record. The folder has the adapter in Hugging Face format."""

from __future__ import annotations

import re
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from llmengine_integrations._shared.durable_files import sync_folder

from .database import Database
from .holdings import log_gone, whole
from .records import created_at, read_json, record_of, write_record
from .removals import Removals

_SETTINGS = "adapter_config.json"
# The beginning of a fine-tune's model card. Models that are older than the records have nothing else.
_CARD = re.compile(r"^# (?P<name>\S+)\n\nA LoRA adapter for (?P<base>.+), trained by ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TunedModel:
    """A fine-tuned model."""

    name: str
    base: str
    """The name of its base model."""
    created_at: float
    """Seconds since 1970."""
    folder: Path


class ModelStore:
    """Fine-tuned models by name. A folder has the name of the job that made the model.

    Args:
        folder: holds their folders; created if missing.
        database: holds the rows.
        removals: deletes folders.
    """

    def __init__(self, folder: Path, database: Database, removals: Removals) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._database = database
        self._removals = removals

    def all(self) -> list[TunedModel]:
        """Return all models, oldest first."""
        rows = self._database.rows("SELECT name, base, created_at, job FROM tuned_models ORDER BY number")
        return [TunedModel(name, base, created_at, self._folder / job) for name, base, created_at, job in rows]

    def take(self, job: str, adapter: Path, *, name: str, base: str) -> TunedModel:
        """Move an adapter, which is on the disk, to the folder of a job's model. The model exists once `insert` is committed."""
        place, created = self._folder / job, time.time()
        write_record(place, {"name": name, "base": base, "created_at": created})
        try:
            adapter.replace(place)
        except OSError:
            record_of(place).unlink(missing_ok=True)
            raise
        sync_folder(self._folder)
        return TunedModel(name, base, created, place)

    def give_back(self, job: str, adapter: Path) -> None:
        """Undo `take` for a job that has not ended, if its model was taken."""
        place = self._folder / job
        if place.is_dir() and adapter.parent.is_dir() and not adapter.exists():
            place.replace(adapter)
            sync_folder(adapter.parent)
            record_of(place).unlink(missing_ok=True)

    def insert(self, connection: sqlite3.Connection, job: str, model: TunedModel) -> None:
        """Add the row of a model that is in place, as part of a transaction."""
        connection.execute(
            "INSERT INTO tuned_models (name, base, created_at, job) VALUES (?, ?, ?, ?)",
            (model.name, model.base, model.created_at, job),
        )

    def forget(self, name: str) -> bool:
        """Delete a model's row, so that the model does not exist any more. Return False if there was no such model."""
        with self._database.transaction() as connection:
            found = connection.execute("SELECT job FROM tuned_models WHERE name = ?", (name,)).fetchone()
            if found is not None:
                connection.execute("DELETE FROM tuned_models WHERE name = ?", (name,))
                self._removals.note(connection, self.place(found[0]))
        return found is not None

    def place(self, job: str) -> str:
        """Return the path of a job's model in the data folder."""
        return f"{self._folder.name}/{job}"

    def remove(self, folder: Path) -> None:
        """Delete a folder after its model's row is deleted."""
        self._removals.carry_out(self.place(folder.name))

    def settle(self) -> list[Path]:
        """Check which models exist. Call this only while nothing else uses the store.

        Returns:
            The folders of models that the database does not list. They stay where they are.
        """
        known = {model.folder for model in self.all()}
        lost = sorted(folder for folder in known if not (folder / _SETTINGS).is_file())
        if lost:
            log_gone(lost)
        return sorted(path for path in self._folder.iterdir() if whole(path) and path not in known)

    def read(self, folder: Path) -> TunedModel:
        """Read a model from its folder and its record.

        Raises:
            ValueError: something that serving it needs is missing; says what.
        """
        if folder.is_symlink() or not (folder / _SETTINGS).is_file():
            raise ValueError(f"it is not a folder with an {_SETTINGS}")
        record = read_json(record_of(folder)) or _of_card(folder)
        match record:
            case {"name": str(name), "base": str(base)}:
                return TunedModel(name, base, created_at(folder), folder)
            case _:
                raise ValueError(f"neither {record_of(folder).name} nor its README.md says the model's name and base")

    def forget_removal(self, connection: sqlite3.Connection, job: str) -> None:
        """Keep the folder of a model that was to be deleted, as part of a transaction."""
        self._removals.forget(connection, self.place(job))


def _of_card(folder: Path) -> dict[str, object]:
    try:
        found = _CARD.search((folder / "README.md").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return {}
    return {} if found is None else dict(found.groupdict())
