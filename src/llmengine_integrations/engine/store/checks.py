"""Checks that a database belongs to its folder and is intact, before anything is written, created or deleted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from llmengine_integrations._shared.durable_files import sync_folder
from llmengine_integrations.engine.config import DataFolderError

from .database import VERSION, expected_schema, schema
from .holdings import adopt_command, counted, holdings

DATABASE = "engine.sqlite3"
MARKER = "engine.id"
"""The file with the id of the data folder, which is also in the database."""

_JOURNAL_MODE = 18  # the byte of the header that says whether the database is in WAL mode
_WAL_MODE = 2


def check_database(folder: Path, *, adopting: bool = False) -> None:
    """Refuse a database that does not belong to the data folder.

    Args:
        folder: the data folder.
        adopting: accept a missing or empty database; a new one will be created.

    Raises:
        DataFolderError: says what was found, and what to do. Nothing was changed.
        OSError: something cannot be read.
    """
    path = folder / DATABASE
    if path.is_symlink() and not path.exists():
        raise _unusable(
            folder,
            f"{DATABASE} is a link to {path.readlink()}, which is missing. Put that file back (its disk may not be mounted), "
            "or delete the link",
        )
    if not _has_content(path):
        if not adopting:
            _refuse_to_begin_anew(folder, "empty" if path.exists() else "missing")
        return
    if not path.is_file():
        raise _unusable(folder, f"{DATABASE} is not a file. {_instead(folder)}")
    _refuse_a_journal_of_another(folder)
    try:
        _look_into(folder, adopting=adopting)
    except sqlite3.OperationalError:  # the file cannot be read, which says nothing about its content
        raise
    except sqlite3.DatabaseError as error:
        raise _unusable(folder, f"its database {DATABASE} is damaged ({error}). {_instead(folder)}") from error


def known_id(folder: Path) -> str | None:
    """Return the id in the data folder's marker; None if there is no marker."""
    try:
        return (folder / MARKER).read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise _unusable(folder, f"{MARKER} is damaged ({error.reason}). Delete it if the rest is in order") from error


def mark(folder: Path, folder_id: str) -> None:
    """Write the marker, if it is missing."""
    if known_id(folder) is None:
        (folder / MARKER).write_text(f"{folder_id}\n", encoding="utf-8")
        sync_folder(folder)


def _look_into(folder: Path, *, adopting: bool) -> None:
    path = folder / DATABASE
    # Read-only: closing another kind of connection may write a journal into the database, even a journal that belongs to another database.
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        # A journal with content was left by a killed engine, or by the database that was here before this one.
        check = "integrity_check" if _has_content(_journal(folder)) else "quick_check"
        problem: str = connection.execute(f"PRAGMA {check}(1)").fetchone()[0]
        if problem != "ok":
            raise sqlite3.DatabaseError(" ".join(problem.split()))
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = schema(connection)
        if not version and not tables:
            if not adopting:
                _refuse_to_begin_anew(folder, "empty")
            return
        if version > VERSION:
            raise _unusable(
                folder,
                f"a newer version of llmengine-integrations wrote its database {DATABASE} (tables of version {version}; "
                f"this one knows {VERSION}). Install that version or a later one",
            )
        if version < 1 or not expected_schema(version) <= tables:
            raise _unusable(folder, f"{DATABASE} is not a database of this engine. {_instead(folder)}")
        found = connection.execute("SELECT id FROM folder").fetchone() if "folder" in dict(tables) else None
    _refuse_another_folder(folder, found and found[0])


def _refuse_to_begin_anew(folder: Path, state: str) -> None:
    """Refuse to create a new database for a folder that had one."""
    found = counted(holdings(folder))
    if not found and known_id(folder) is None and not _has_content(_journal(folder)):
        return
    holds = f"holds {found}" if found else "has been used by an engine"
    raise _unusable(
        folder,
        f"it {holds}, but its database {DATABASE} is {state}. Put the database back from a backup, "
        f"or go on without it: `{adopt_command(folder)}` takes in what is there",
    )


def _refuse_a_journal_of_another(folder: Path) -> None:
    """Refuse a journal that SQLite would apply to this database. A backup has no journal, so this one belongs to the previous database."""
    with (folder / DATABASE).open("rb") as file:
        header = file.read(_JOURNAL_MODE + 1)
    if len(header) > _JOURNAL_MODE and header[_JOURNAL_MODE] != _WAL_MODE and _has_content(_journal(folder)):
        journal = _journal(folder).name
        raise _unusable(
            folder,
            f"{journal} is not the journal of {DATABASE} and would damage it. "
            f"Move {journal} and {DATABASE}-shm out of the folder",
        )


def _refuse_another_folder(folder: Path, folder_id: str | None) -> None:
    known = known_id(folder)
    if known is not None and folder_id is not None and known != folder_id:
        raise _unusable(
            folder,
            f"{DATABASE} is the database of another data folder. Put back this folder's own, or delete "
            f"{folder / MARKER} to use this one; it will not list what this folder holds",
        )


def _instead(folder: Path) -> str:
    return (
        f"Move it and {DATABASE}-wal out of the folder, and put a backup in its place, "
        f"or go on without it: `{adopt_command(folder)}` takes in what is there"
    )


def _unusable(folder: Path, reason: str) -> DataFolderError:
    return DataFolderError(f"the data folder {folder} cannot be used: {reason}")


def _journal(folder: Path) -> Path:
    return folder / f"{DATABASE}-wal"


def _has_content(path: Path) -> bool:
    return path.exists() and (not path.is_file() or path.stat().st_size > 0)
