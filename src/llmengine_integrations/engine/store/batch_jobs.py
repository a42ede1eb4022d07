"""Batch jobs and their results so far.

A job is on the disk once it is created. Each result is stored as it comes, in one place only, until the job's output file is written. So a
job that was interrupted continues where it stopped.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .database import Database

ENDED = ("completed", "failed", "cancelled")
_COLUMNS = "number, id, request, priority, status, created_at, started_at, completed_at, total, done, failed, error"
_ROWS_AT_A_TIME = 500
_RANKS = {"lowest": -2.0, "low": -1.0, "medium": 0.0, "normal": 0.0, "high": 1.0, "highest": 2.0, "urgent": 2.0}


@dataclass(frozen=True, slots=True)
class Batch:
    """The state of a job. Times are seconds since 1970."""

    number: int
    id: str
    request: Mapping[str, Any]
    """The request, without the content."""
    priority: str | None
    status: str
    created_at: float
    started_at: float | None
    """When it was last started."""
    completed_at: float | None
    total: int | None
    """The number of its prompts or requests; None until it is started."""
    done: int
    failed: int
    """How many of the finished ones have no output."""
    error: str | None
    """Why it failed."""


@dataclass(frozen=True, slots=True)
class RowOutput:
    """The result of one prompt or request."""

    place: int
    output: str
    """JSON, exactly as in the output file."""
    failed: bool = False


class BatchStore:
    """The jobs, by id.

    Args:
        database: holds the jobs.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, prefix: str, request: Mapping[str, Any], content: str | None) -> Batch:
        """Store a new job.

        Args:
            prefix: the prefix of its id.
            request: the request, without the content.
            content: JSON; None for a job with an input file.
        """
        batch_id = f"{prefix}-{secrets.token_hex(10)}"
        priority = request.get("priority")
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO batches (id, request, content, priority, rank, status, created_at)"
                " VALUES (?, ?, ?, ?, ?, 'queued', ?)",
                (batch_id, json.dumps(request), content, priority, rank(priority), time.time()),
            )
        return self._known(batch_id)

    def get(self, batch_id: str) -> Batch | None:
        """Return a job by its id."""
        found = self._database.rows(f"SELECT {_COLUMNS} FROM batches WHERE id = ?", batch_id)  # noqa: S608 - a constant
        return _batch(found[0]) if found else None

    def all(self) -> list[Batch]:
        """Return all jobs, oldest first."""
        return [
            _batch(row)
            for row in self._database.rows(f"SELECT {_COLUMNS} FROM batches ORDER BY number")  # noqa: S608 - a constant
        ]

    def next(self) -> Batch | None:
        """Return the job to work on: an interrupted one, else the one with the highest priority; the oldest if several have the same."""
        found = self._database.rows(
            f"SELECT {_COLUMNS} FROM batches WHERE status IN ('running', 'queued')"  # noqa: S608 - a constant
            " ORDER BY status = 'running' DESC, rank DESC, number LIMIT 1"
        )
        return _batch(found[0]) if found else None

    def prioritize(self, batch_id: str, priority: str | None) -> bool:
        """Change a job's priority. Return False if the job has ended or no job has that id."""
        with self._database.transaction() as connection:
            return _changed(
                connection,
                "UPDATE batches SET priority = ?, rank = ? WHERE id = ? AND status IN ('queued', 'running')",
                (priority, rank(priority), batch_id),
            )

    def cancel(self, batch_id: str) -> bool:
        """End a job that has not ended, and delete its results. Return False if no such job exists."""
        return self._end(batch_id, "cancelled") or self.get(batch_id) is not None

    def content(self, batch: Batch) -> str | None:
        """Return what a job works on, as JSON; None if that is still in its input file."""
        content: str | None = self._database.rows("SELECT content FROM batches WHERE number = ?", batch.number)[0][0]
        return content

    def begin(self, batch: Batch, content: str, total: int) -> int | None:
        """Mark a job as running and store its content. From then on, its input file is not needed.

        Returns:
            How often the job has been started since its last result; None if it has been cancelled.
        """
        with self._database.transaction() as connection:
            begun = _changed(
                connection,
                "UPDATE batches SET status = 'running', content = ?, total = ?, started_at = ?,"
                " attempts = attempts + 1 WHERE number = ? AND status IN ('queued', 'running')",
                (content, total, time.time(), batch.number),
            )
            query = "SELECT attempts FROM batches WHERE number = ?"
            attempts: int = connection.execute(query, (batch.number,)).fetchone()[0]
        return attempts if begun else None

    def places_done(self, batch: Batch) -> set[int]:
        """Return the places of the results that are stored."""
        return {row[0] for row in self._database.rows("SELECT place FROM batch_rows WHERE batch = ?", batch.number)}

    def add(self, batch: Batch, outputs: Sequence[RowOutput]) -> None:
        """Store results. Those of a job that has ended are dropped."""
        with self._database.transaction() as connection:
            query = "SELECT 1 FROM batches WHERE number = ? AND status = 'running'"
            if connection.execute(query, (batch.number,)).fetchone() is None:
                return
            new = [
                row
                for row in outputs
                if _changed(
                    connection,
                    "INSERT OR IGNORE INTO batch_rows (batch, place, output) VALUES (?, ?, ?)",
                    (batch.number, row.place, row.output),
                )
            ]
            connection.execute(
                "UPDATE batches SET done = done + ?, failed = failed + ?, attempts = 0 WHERE number = ?",
                (len(new), sum(row.failed for row in new), batch.number),
            )

    def outputs(self, batch: Batch) -> Iterator[str]:
        """Yield the results in order."""
        place = -1
        query = "SELECT place, output FROM batch_rows WHERE batch = ? AND place > ? ORDER BY place LIMIT ?"
        while rows := self._database.rows(query, batch.number, place, _ROWS_AT_A_TIME):
            for place, output in rows:  # noqa: B007 - the last place is where the next rows begin
                yield output

    def complete(self, batch: Batch) -> bool:
        """End a job whose output file is written, and delete its results from here. Return False if it has been cancelled."""
        return self._end(batch.id, "completed")

    def fail(self, batch: Batch, error: str) -> bool:
        """End a job that cannot continue, and store the reason. Return False if it has been cancelled."""
        return self._end(batch.id, "failed", error)

    def _end(self, batch_id: str, status: str, error: str | None = None) -> bool:
        with self._database.transaction() as connection:
            ended = _changed(
                connection,
                "UPDATE batches SET status = ?, error = ?, completed_at = ?, content = NULL"
                " WHERE id = ? AND status IN ('queued', 'running')",
                (status, error, time.time() if status == "completed" else None, batch_id),
            )
            if ended:
                connection.execute(
                    "DELETE FROM batch_rows WHERE batch = (SELECT number FROM batches WHERE id = ?)", (batch_id,)
                )
        return ended

    def _known(self, batch_id: str) -> Batch:
        batch = self.get(batch_id)
        if batch is None:
            raise AssertionError("jobs are never deleted")
        return batch


def rank(priority: str | None) -> float:
    """Return the rank of a priority: the value of a number, a fixed rank for the common words, and 0 for anything else."""
    text = (priority or "").strip().lower()
    try:
        value = float(text)
    except ValueError:
        return _RANKS.get(text, 0.0)
    return value if value == value else 0.0  # noqa: PLR0124 - NaN has no order


def _changed(connection: sqlite3.Connection, statement: str, values: Sequence[object]) -> bool:
    return connection.execute(statement, values).rowcount > 0


def _batch(row: Sequence[Any]) -> Batch:
    number, batch_id, request, *rest = row
    return Batch(number, batch_id, json.loads(request), *rest)
