"""Fine-tunes: each has a row and events, and until it ends a folder with the rows to train on."""

from __future__ import annotations

import re
import secrets
import shutil
import sqlite3
import time
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from llmengine_integrations._shared.durable_files import sync_file, sync_folder
from llmengine_integrations.wire.fine_tunes import FineTune, FineTuneEvent

from .database import Database
from .holdings import whole
from .models import ModelStore, TunedModel
from .records import created_at, read_json
from .removals import Removals

_UNFINISHED = ".part"
_OURS = re.compile(rf"ft-[0-9a-f]{{20}}{re.escape(_UNFINISHED)}")
_ADAPTER, _ROWS, _SETTINGS = "adapter", "training.jsonl", "job.json"  # see `tuning/training_folder.py`
_ACTIVE = "('PENDING', 'RUNNING')"
_ADOPTED = "This fine-tune was taken in from the data folder. Its earlier events were in the database that was lost."
_FIELDS = "id, fine_tuned_model, status"


@dataclass(frozen=True, slots=True)
class Job:
    """A fine-tune that has not ended."""

    id: str
    base: str
    """The name of the base model."""
    fine_tuned_model: str
    attempts: int
    """How often its training has been started."""


class FineTuneStore:
    """Fine-tunes by id.

    Args:
        folder: holds their folders; created if missing.
        database: holds the rows.
        models: receives the models.
        removals: deletes folders.
    """

    def __init__(self, folder: Path, database: Database, models: ModelStore, removals: Removals) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._database = database
        self._models = models
        self._removals = removals

    def all(self) -> list[FineTune]:
        """Return all fine-tunes, oldest first."""
        rows = self._database.rows(f"SELECT {_FIELDS} FROM fine_tunes ORDER BY number")  # noqa: S608 - a constant
        return [_fine_tune(*row) for row in rows]

    def get(self, fine_tune_id: str) -> FineTune | None:
        """Return one fine-tune."""
        query = f"SELECT {_FIELDS} FROM fine_tunes WHERE id = ?"  # noqa: S608 - a constant
        found = self._database.rows(query, fine_tune_id)
        return _fine_tune(*found[0]) if found else None

    def events(self, fine_tune_id: str) -> list[FineTuneEvent] | None:
        """Return its events, oldest first; None if no fine-tune has that id."""
        if self.get(fine_tune_id) is None:
            return None
        rows = self._database.rows(
            "SELECT timestamp, message, level FROM fine_tune_events WHERE fine_tune = ? ORDER BY number", fine_tune_id
        )
        return [FineTuneEvent(timestamp=timestamp, message=message, level=level) for timestamp, message, level in rows]

    def active(self) -> list[Job]:
        """Return the fine-tunes that have not ended, in the order in which they were requested."""
        rows = self._database.rows(
            f"SELECT id, base, fine_tuned_model, attempts FROM fine_tunes WHERE status IN {_ACTIVE} ORDER BY number"  # noqa: S608
        )
        return [Job(*row) for row in rows]

    def names(self) -> set[str]:
        """Return the names of all models of fine-tunes, whether they were made, are being made, or could not be made."""
        return {name for (name,) in self._database.rows("SELECT fine_tuned_model FROM fine_tunes")}

    def folder(self, fine_tune_id: str) -> Path:
        """Return the folder of a fine-tune that has not ended."""
        return self._folder / fine_tune_id

    @contextmanager
    def prepare(self) -> Generator[Path]:
        """Create a folder for the files of a new fine-tune. It is deleted at the end, unless `add` has taken it over."""
        folder = self._folder / f"ft-{secrets.token_hex(10)}{_UNFINISHED}"
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def add(self, folder: Path, *, base: str, fine_tuned_model: str) -> Job:
        """Take over a prepared folder and add the fine-tune. It is safe on the disk when this returns.

        Raises:
            sqlite3.IntegrityError: another fine-tune has that model name.
        """
        for path in folder.iterdir():
            sync_file(path)
        sync_folder(folder)
        sync_folder(self._folder)
        place = folder.with_suffix("")
        with self._database.alone():  # no other thread sees the row until the folder has its name
            with self._database.transaction() as connection:
                _insert(connection, Job(place.name, base, fine_tuned_model, 0), "PENDING", time.time())
            self._rename(folder, place)
        sync_folder(self._folder)
        return Job(place.name, base, fine_tuned_model, 0)

    def _rename(self, folder: Path, place: Path) -> None:
        try:
            folder.replace(place)
        except BaseException:
            with self._database.transaction() as connection:
                connection.execute("DELETE FROM fine_tunes WHERE id = ?", (place.name,))
            raise

    def begin(self, fine_tune_id: str) -> bool:
        """Record that the training starts. Return False if the fine-tune was cancelled."""
        statement = (
            f"UPDATE fine_tunes SET status = 'RUNNING', attempts = attempts + 1 WHERE id = ? AND status IN {_ACTIVE}"  # noqa: S608
        )
        with self._database.transaction() as connection:
            return connection.execute(statement, (fine_tune_id,)).rowcount > 0

    def note(self, fine_tune_id: str, message: str, level: str = "info") -> None:
        """Add an event. Does nothing if the fine-tune was cancelled."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO fine_tune_events (fine_tune, timestamp, message, level) "
                "SELECT id, ?, ?, ? FROM fine_tunes WHERE id = ?",
                (time.time(), message, level, fine_tune_id),
            )

    def succeed(self, job: Job, model: TunedModel) -> bool:
        """End a job whose model is in place. The job's success and the model appear together. Return False if the job was cancelled."""
        with self._database.transaction() as connection:
            statement = "UPDATE fine_tunes SET status = 'SUCCESS' WHERE id = ? AND status = 'RUNNING'"
            if not connection.execute(statement, (job.id,)).rowcount:
                return False
            self._models.insert(connection, job.id, model)
        return True

    def fail(self, fine_tune_id: str, reason: str) -> None:
        """Mark a fine-tune as failed, with an event that says why."""
        with self._database.transaction() as connection:
            statement = f"UPDATE fine_tunes SET status = 'FAILURE' WHERE id = ? AND status IN {_ACTIVE}"  # noqa: S608
            if connection.execute(statement, (fine_tune_id,)).rowcount:
                connection.execute(
                    "INSERT INTO fine_tune_events (fine_tune, timestamp, message, level) VALUES (?, ?, ?, 'error')",
                    (fine_tune_id, time.time(), reason),
                )

    def cancel(self, fine_tune_id: str) -> bool:
        """Remove a fine-tune that has not ended, as the gateway does. Return False if no unfinished fine-tune has that id."""
        statement = f"DELETE FROM fine_tunes WHERE id = ? AND status IN {_ACTIVE}"  # noqa: S608 - a constant
        with self._database.transaction() as connection:
            cancelled = connection.execute(statement, (fine_tune_id,)).rowcount > 0
            if cancelled:
                self._removals.note(connection, self._place(fine_tune_id))
                self._removals.note(connection, self._models.place(fine_tune_id))  # it may be about to be published
        return cancelled

    def tidy(self, fine_tune_id: str) -> None:
        """Delete the folder of a fine-tune that has ended."""
        self._removals.carry_out(self._place(fine_tune_id))

    def settle(self) -> list[Path]:
        """Finish or delete what a killed engine left half done. Call this only while nothing else uses the store.

        Returns:
            The folders of fine-tunes that the database does not list. They stay where they are.
        """
        listed, active = {job.id for job in self.all()}, {job.id for job in self.active()}
        for path in list(self._folder.iterdir()):
            if _OURS.fullmatch(path.name):
                self._finish(path, active)
            elif whole(path) and path.name in listed - active:
                self.tidy(path.name)
        for fine_tune_id in active:
            self._models.give_back(fine_tune_id, self.folder(fine_tune_id) / _ADAPTER)
        return sorted(path for path in self._folder.iterdir() if whole(path) and path.name not in listed)

    def adopt(self, folder: Path) -> None:
        """List a fine-tune that the database does not list. The next engine trains it.

        Raises:
            ValueError: it cannot be adopted; says why.
        """
        if folder.is_symlink() or not (folder / _ROWS).is_file():
            raise ValueError(f"it is not a folder with a {_ROWS}")
        match read_json(folder / _SETTINGS):
            case {"name": str(name), "base": str(base)}:
                job = Job(folder.name, base, name, 0)
            case _:
                raise ValueError(f"its {_SETTINGS} cannot be read")
        if self.get(job.id) is not None:
            return  # its model exists; the next start deletes what is left of the training
        with self._database.transaction() as connection:
            self._removals.forget(connection, self._place(job.id))
            _insert_adopted(connection, job, "PENDING", created_at(folder))

    def adopt_model(self, folder: Path) -> None:
        """List a model that the database does not list, and record that its fine-tune succeeded.

        Raises:
            ValueError: it cannot be adopted; says why.
        """
        model = self._models.read(folder)
        job = Job(folder.name, model.base, model.name, 0)
        with self._database.transaction() as connection:
            self._models.forget_removal(connection, job.id)
            if self.get(job.id) is None:
                _insert_adopted(connection, job, "SUCCESS", model.created_at)
            connection.execute("UPDATE fine_tunes SET status = 'SUCCESS' WHERE id = ?", (job.id,))
            try:
                self._models.insert(connection, job.id, model)
            except sqlite3.IntegrityError as error:
                raise ValueError(f"there is another model with the name {model.name}") from error

    def _finish(self, unfinished: Path, active: Collection[str]) -> None:
        """Give a folder its final name if its row was committed. Else delete it: its fine-tune was never acknowledged."""
        place = unfinished.with_suffix("")
        if place.name in active and not place.exists():
            unfinished.replace(place)
            sync_folder(self._folder)
        else:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _place(self, fine_tune_id: str) -> str:
        return f"{self._folder.name}/{fine_tune_id}"


def _insert(connection: sqlite3.Connection, job: Job, status: str, created: float) -> None:
    connection.execute(
        "INSERT INTO fine_tunes (id, base, fine_tuned_model, status, created_at) VALUES (?, ?, ?, ?, ?)",
        (job.id, job.base, job.fine_tuned_model, status, created),
    )


def _insert_adopted(connection: sqlite3.Connection, job: Job, status: str, created: float) -> None:
    try:
        _insert(connection, job, status, created)
    except sqlite3.IntegrityError as error:
        raise ValueError(f"another fine-tune has the model name {job.fine_tuned_model}") from error
    connection.execute(
        "INSERT INTO fine_tune_events (fine_tune, timestamp, message, level) VALUES (?, ?, ?, 'warning')",
        (job.id, time.time(), _ADOPTED),
    )


def _fine_tune(fine_tune_id: str, fine_tuned_model: str, status: str) -> FineTune:
    return FineTune(id=fine_tune_id, fine_tuned_model=fine_tuned_model, status=status)
