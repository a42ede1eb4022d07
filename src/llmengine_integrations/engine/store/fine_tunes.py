"""Fine-tunes: a row, its events, and while there is something to do a folder with the rows to train on."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from llmengine_integrations.wire.fine_tunes import FineTune, FineTuneEvent

from .database import Database
from .durable import sync_file, sync_folder
from .models import ModelStore, TunedModel

_OURS = re.compile(r"ft-[0-9a-f]{20}(\.part)?")
_UNFINISHED = ".part"
_ACTIVE = "('PENDING', 'RUNNING')"
_FIELDS = "id, fine_tuned_model, status"


@dataclass(frozen=True, slots=True)
class Job:
    """A fine-tune that is not over."""

    id: str
    base: str
    """The name of the model that is tuned."""
    fine_tuned_model: str
    attempts: int
    """How often its training has been begun."""


class FineTuneStore:
    """Fine-tunes by id.

    Args:
        folder: where the folders are; made if it is not there.
        database: where the rows are.
        models: where the models go.
    """

    def __init__(self, folder: Path, database: Database, models: ModelStore) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._database = database
        self._models = models

    def all(self) -> list[FineTune]:
        """All fine-tunes, oldest first."""
        rows = self._database.rows(f"SELECT {_FIELDS} FROM fine_tunes ORDER BY number")  # noqa: S608 - a constant
        return [_fine_tune(*row) for row in rows]

    def get(self, fine_tune_id: str) -> FineTune | None:
        """One fine-tune."""
        query = f"SELECT {_FIELDS} FROM fine_tunes WHERE id = ?"  # noqa: S608 - a constant
        found = self._database.rows(query, fine_tune_id)
        return _fine_tune(*found[0]) if found else None

    def events(self, fine_tune_id: str) -> list[FineTuneEvent] | None:
        """What happened, oldest first; None if there is no such fine-tune."""
        if self.get(fine_tune_id) is None:
            return None
        rows = self._database.rows(
            "SELECT timestamp, message, level FROM fine_tune_events WHERE fine_tune = ? ORDER BY number", fine_tune_id
        )
        return [FineTuneEvent(timestamp=timestamp, message=message, level=level) for timestamp, message, level in rows]

    def active(self) -> list[Job]:
        """The fine-tunes that are not over, in the order in which they were asked for."""
        rows = self._database.rows(
            f"SELECT id, base, fine_tuned_model, attempts FROM fine_tunes WHERE status IN {_ACTIVE} ORDER BY number"  # noqa: S608
        )
        return [Job(*row) for row in rows]

    def names(self) -> set[str]:
        """The names of all models that were made, are being made, or could not be."""
        return {name for (name,) in self._database.rows("SELECT fine_tuned_model FROM fine_tunes")}

    def folder(self, fine_tune_id: str) -> Path:
        """The folder of a fine-tune that is not over."""
        return self._folder / fine_tune_id

    @contextmanager
    def prepare(self) -> Generator[Path]:
        """A folder for a new fine-tune, for the files that it needs; gone at the end, unless `add` has taken it over."""
        folder = self._folder / f"ft-{secrets.token_hex(10)}{_UNFINISHED}"
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def add(self, folder: Path, *, base: str, fine_tuned_model: str) -> Job:
        """Take over a prepared folder and add the fine-tune. It is safe when this returns.

        Raises:
            sqlite3.IntegrityError: a fine-tune has taken that model's name.
        """
        for path in folder.iterdir():
            sync_file(path)
        sync_folder(folder)
        place = folder.with_suffix("")
        folder.replace(place)
        sync_folder(self._folder)
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "INSERT INTO fine_tunes (id, base, fine_tuned_model, status, created_at) VALUES (?, ?, ?, ?, ?)",
                    (place.name, base, fine_tuned_model, "PENDING", time.time()),
                )
        except BaseException:
            place.replace(folder)
            raise
        return Job(place.name, base, fine_tuned_model, 0)

    def begin(self, fine_tune_id: str) -> bool:
        """Say that the training begins; False if the fine-tune was cancelled."""
        statement = (
            f"UPDATE fine_tunes SET status = 'RUNNING', attempts = attempts + 1 WHERE id = ? AND status IN {_ACTIVE}"  # noqa: S608
        )
        with self._database.transaction() as connection:
            return connection.execute(statement, (fine_tune_id,)).rowcount > 0

    def note(self, fine_tune_id: str, message: str, level: str = "info") -> None:
        """Add an event. Nothing happens when the fine-tune was cancelled."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO fine_tune_events (fine_tune, timestamp, message, level) "
                "SELECT id, ?, ?, ? FROM fine_tunes WHERE id = ?",
                (time.time(), message, level, fine_tune_id),
            )

    def succeed(self, job: Job, model: TunedModel) -> bool:
        """End a job whose model has been taken: fine-tune and model become there together. False if it was cancelled."""
        with self._database.transaction() as connection:
            statement = "UPDATE fine_tunes SET status = 'SUCCESS' WHERE id = ? AND status = 'RUNNING'"
            if not connection.execute(statement, (job.id,)).rowcount:
                return False
            self._models.insert(connection, job.id, model)
        return True

    def fail(self, fine_tune_id: str, reason: str) -> None:
        """End a fine-tune badly, with an event that says why."""
        with self._database.transaction() as connection:
            statement = f"UPDATE fine_tunes SET status = 'FAILURE' WHERE id = ? AND status IN {_ACTIVE}"  # noqa: S608
            if connection.execute(statement, (fine_tune_id,)).rowcount:
                connection.execute(
                    "INSERT INTO fine_tune_events (fine_tune, timestamp, message, level) VALUES (?, ?, ?, 'error')",
                    (fine_tune_id, time.time(), reason),
                )

    def cancel(self, fine_tune_id: str) -> bool:
        """Forget a fine-tune that is not over, as the gateway does; False if there is none of that id."""
        statement = f"DELETE FROM fine_tunes WHERE id = ? AND status IN {_ACTIVE}"  # noqa: S608 - a constant
        with self._database.transaction() as connection:
            return connection.execute(statement, (fine_tune_id,)).rowcount > 0

    def tidy(self, fine_tune_id: str) -> None:
        """Delete the folder of a fine-tune that is over."""
        shutil.rmtree(self.folder(fine_tune_id), ignore_errors=True)

    def sweep(self) -> None:
        """Delete the folders of fine-tunes that are over or never were. Only while nobody uses the store."""
        active = {job.id for job in self.active()}
        for path in self._folder.iterdir():
            if _OURS.fullmatch(path.name) and path.name not in active:
                shutil.rmtree(path, ignore_errors=True)


def _fine_tune(fine_tune_id: str, fine_tuned_model: str, status: str) -> FineTune:
    return FineTune(id=fine_tune_id, fine_tuned_model=fine_tuned_model, status=status)
