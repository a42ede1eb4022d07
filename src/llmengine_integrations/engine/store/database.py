"""The rows: one SQLite file. Its commits survive a crash of the process or of the machine."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # The number keeps the order of arrival.
        """CREATE TABLE files (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            filename TEXT NOT NULL,
            size INTEGER NOT NULL,
            created_at REAL NOT NULL
        )""",
    ),
    (
        # A job has content until it ends: from its creation, or, if it has an input file, from its start.
        """CREATE TABLE batches (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            request TEXT NOT NULL,
            content TEXT,
            priority TEXT,
            rank REAL NOT NULL,
            status TEXT NOT NULL,
            created_at REAL NOT NULL,
            started_at REAL,
            completed_at REAL,
            attempts INTEGER NOT NULL DEFAULT 0,
            total INTEGER,
            done INTEGER NOT NULL DEFAULT 0,
            failed INTEGER NOT NULL DEFAULT 0,
            error TEXT
        )""",
        """CREATE TABLE batch_rows (
            batch INTEGER NOT NULL REFERENCES batches (number),
            place INTEGER NOT NULL,
            output TEXT NOT NULL,
            PRIMARY KEY (batch, place)
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE fine_tunes (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            base TEXT NOT NULL,
            fine_tuned_model TEXT NOT NULL UNIQUE,
            status TEXT NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            created_at REAL NOT NULL
        )""",
        """CREATE TABLE fine_tune_events (
            number INTEGER PRIMARY KEY,
            fine_tune TEXT NOT NULL REFERENCES fine_tunes (id) ON DELETE CASCADE,
            timestamp REAL NOT NULL,
            message TEXT NOT NULL,
            level TEXT NOT NULL
        )""",
        "CREATE INDEX fine_tune_events_by_fine_tune ON fine_tune_events (fine_tune)",
        """CREATE TABLE tuned_models (
            number INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            base TEXT NOT NULL,
            created_at REAL NOT NULL,
            job TEXT NOT NULL UNIQUE
        )""",
    ),
    (
        # The same id is in a file of the data folder, so that a database of another folder is detected.
        "CREATE TABLE folder (id TEXT NOT NULL)",
        "INSERT INTO folder VALUES (lower(hex(randomblob(12))))",
        # What to delete from the disk, by its path in the data folder. Nothing else is deleted, once it is complete.
        "CREATE TABLE removals (path TEXT PRIMARY KEY) WITHOUT ROWID",
    ),
)
"""The statements for each step from one version of the tables to the next. New steps are added at the end; old ones never change."""

VERSION = len(_MIGRATIONS)
"""The version of the tables in this version of the package."""
_SCHEMA = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"


class Database:
    """One connection, which threads use one at a time.

    Args:
        path: the file; created if missing.

    Raises:
        sqlite3.Error: the file cannot be opened, or is not a database.
    """

    def __init__(self, path: Path) -> None:
        self._turn = threading.RLock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                self._connection.execute(f"PRAGMA {setting}")
        except BaseException:
            self._connection.close()
            raise

    def migrate(self) -> None:
        """Bring the tables to this version of the package.

        Raises:
            sqlite3.DatabaseError: a newer version of the package wrote them.
        """
        with self.transaction() as connection:
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise sqlite3.DatabaseError("a newer version of llmengine-integrations wrote it")
            _take_steps(connection, version, VERSION)
            connection.execute(f"PRAGMA user_version = {VERSION}")

    def claim(self, folder_id: str | None) -> str:
        """Store which data folder the rows belong to.

        Args:
            folder_id: its id; None keeps the one in the database.

        Returns:
            The id that is now in the database.
        """
        with self.transaction() as connection:
            if folder_id is not None:
                connection.execute("UPDATE folder SET id = ?", (folder_id,))
            found: str = connection.execute("SELECT id FROM folder").fetchone()[0]
        return found

    @contextmanager
    def alone(self) -> Generator[None]:
        """Keep other threads from reading and writing rows during the block, which may have transactions."""
        with self._turn:
            yield

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """Run statements that take effect all together or not at all. They are on the disk when the block has ended."""
        with self._turn:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.commit()
            except BaseException:
                self._connection.rollback()  # also after a failed commit: an open transaction would make every later one fail
                raise

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows that a query finds."""
        with self._turn:
            return self._connection.execute(query, values).fetchall()

    def close(self) -> None:
        """Close the file, once the thread that uses it has finished."""
        with self._turn:
            self._connection.close()


def schema(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """Return the tables and indexes of a database: their names, and the statements that created them."""
    return set(connection.execute(_SCHEMA))


def expected_schema(version: int) -> set[tuple[str, str]]:
    """Return the tables and indexes that a database of this version has."""
    with closing(sqlite3.connect(":memory:")) as connection:
        _take_steps(connection, 0, version)
        return schema(connection)


def _take_steps(connection: sqlite3.Connection, version: int, to: int) -> None:
    for step in _MIGRATIONS[version:to]:
        for statement in step:
            connection.execute(statement)
