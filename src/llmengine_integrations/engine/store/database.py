"""The rows: one SQLite file, whose commits survive a crash of the process and of the machine."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # The number keeps the order in which files came.
        """CREATE TABLE files (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            filename TEXT NOT NULL,
            size INTEGER NOT NULL,
            created_at REAL NOT NULL
        )""",
    ),
)
"""The statements of each step from one version of the tables to the next. Steps are added at the end and never changed."""


class Database:
    """One connection, which threads take in turns.

    Args:
        path: the file; made if it is not there.

    Raises:
        sqlite3.Error: it cannot be opened, or is no database.
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
        """Bring the tables up to this version of the package.

        Raises:
            sqlite3.DatabaseError: a newer version wrote them.
        """
        with self.transaction() as connection:
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(_MIGRATIONS):
                raise sqlite3.DatabaseError("a newer version of llmengine-integrations wrote it")
            for step in _MIGRATIONS[version:]:
                for statement in step:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """Statements that count together or not at all; on the disk when the block has ended."""
        with self._turn:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with self._turn:
            return self._connection.execute(query, values).fetchall()

    def close(self) -> None:
        """Close the file, once the thread whose turn it is has done."""
        with self._turn:
            self._connection.close()
