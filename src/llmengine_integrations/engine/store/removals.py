"""Deletions from the disk that survive a crash: the database notes what to delete before it is deleted.

So nothing is ever deleted only because the database does not mention it. A database that is older than the folder mentions few files.
"""

from __future__ import annotations

import logging
import re
import shutil
import sqlite3
from pathlib import Path

from .database import Database
from .records import record_of

_log = logging.getLogger(__name__)

_OURS = re.compile(r"files/file-[0-9a-f]{24}|(models|fine-tunes)/ft-[0-9a-f]{20}")


class Removals:
    """What is to be deleted.

    Args:
        folder: the data folder.
        database: holds the notes.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder
        self._database = database

    def note(self, connection: sqlite3.Connection, path: str) -> None:
        """Note that a path in the data folder is to be deleted, in the transaction that deletes its row."""
        connection.execute("INSERT OR IGNORE INTO removals (path) VALUES (?)", (path,))

    def forget(self, connection: sqlite3.Connection, path: str) -> None:
        """Note that a path is not to be deleted."""
        connection.execute("DELETE FROM removals WHERE path = ?", (path,))

    def carry_out(self, path: str) -> None:
        """Delete a file or folder, and its record. What the system does not delete is left for the next start."""
        target = self._folder / path
        try:
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
            record_of(target).unlink(missing_ok=True)
            with self._database.transaction() as connection:
                self.forget(connection, path)
        except (OSError, sqlite3.Error) as error:  # Windows does not delete a file that is being read
            _log.info("%s is left for the next start: %s", target, error)

    def finish(self) -> None:
        """Delete what a killed engine left. Call this only while nothing else uses the store."""
        for (path,) in self._database.rows("SELECT path FROM removals"):
            if _OURS.fullmatch(path):
                self.carry_out(path)
