"""Copies a data folder, even while an engine uses it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from llmengine_integrations._shared.durable_files import sync_file, sync_folder
from llmengine_integrations.engine.config import DataFolderError
from llmengine_integrations.engine.local_paths import SHARED_FOLDER

from .checks import DATABASE, MARKER, check_database
from .holdings import FILES, FINE_TUNES, MODELS

_UNFINISHED = ".part"
_BEING_MADE = ("adapter", "best")  # written by a training, which starts again without them


def back_up(folder: Path, to: Path) -> None:
    """Copy a data folder. The copy is itself a data folder: an engine can be started with it.

    The database is copied first. So a file that is uploaded or published meanwhile may be in the copy but unlisted; `adopt` lists it.

    Args:
        folder: the data folder. An engine may be using it.
        to: the copy: a new folder.

    Raises:
        DataFolderError: the database is missing, damaged or that of another folder, `to` exists, or `to` cannot be written. One line.
            Nothing is left at `to` then, unless the process is killed.
    """
    if not (folder / DATABASE).is_file():
        raise DataFolderError(f"{folder} has no {DATABASE}: there is nothing to back up")
    if to.resolve().is_relative_to(folder.resolve()):
        raise DataFolderError(f"{to} is in the data folder itself: name a folder elsewhere for the backup")
    try:
        to.mkdir(mode=0o700, parents=True)
    except FileExistsError as error:
        raise DataFolderError(f"{to} is there already: name a new folder for the backup") from error
    except OSError as error:
        raise DataFolderError(f"the backup {to} cannot be made: {error.strerror}") from error
    try:
        check_database(folder)
        _copy(folder, to)
    except BaseException as error:
        shutil.rmtree(to, ignore_errors=True)
        if isinstance(error, OSError | sqlite3.Error):
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            raise DataFolderError(f"the data folder {folder} cannot be copied to {to}: {reason}") from error
        raise


def _copy(folder: Path, to: Path) -> None:
    copy = to / DATABASE
    _copy_database(folder / DATABASE, copy)
    if (folder / MARKER).exists():
        shutil.copy2(folder / MARKER, to)
    for kind in (FILES, FINE_TUNES, MODELS, SHARED_FOLDER):
        for path in _walk(folder / kind):
            target = to / path.relative_to(folder)
            with suppress(FileNotFoundError):  # deleted since it was listed
                _copy_one(path, target)
    for place, _, _ in os.walk(to):
        sync_folder(Path(place))
    sync_folder(to.absolute().parent)


def _copy_database(path: Path, to: Path) -> None:
    with (
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(to, isolation_level=None)) as copy,
    ):
        source.backup(copy)
        # This copy has no journal. So a journal found next to it after a restore belongs to another database, and the engine detects that.
        copy.execute("PRAGMA journal_mode = DELETE")
        problem: str = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise sqlite3.DatabaseError(" ".join(problem.split()))


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the folders, files and links in a folder, starting with the folder itself. Unfinished ones are left out."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        yield here
        links = [name for name in folders if (here / name).is_symlink()]
        if here.parent.name == FINE_TUNES:
            folders[:] = [name for name in folders if name not in _BEING_MADE]
        folders[:] = [name for name in folders if name not in links and not name.endswith(_UNFINISHED)]
        yield from (here / name for name in (*links, *files) if not name.endswith(_UNFINISHED))


def _copy_one(path: Path, target: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        target.mkdir(mode=0o700, exist_ok=True)
        return
    shutil.copy2(path, target, follow_symlinks=False)
    if not target.is_symlink():
        sync_file(target)
