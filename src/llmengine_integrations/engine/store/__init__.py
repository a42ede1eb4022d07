"""What an engine keeps, in one data folder: an SQLite database, and the files that its rows refer to.

    FOLDER/lock                      held while an engine serves from the folder, so that a second one is refused
    FOLDER/engine.sqlite3            the rows; SQLite adds -wal and -shm
    FOLDER/engine.id                 the id of the folder, which is also in the database
    FOLDER/files/file-<hex>          uploads, each with a record in file-<hex>.json
    FOLDER/batches/                  what clients name by relative paths: the batches' input and output files
    FOLDER/fine-tunes/ft-<hex>/      the rows and settings of unfinished fine-tunes
    FOLDER/models/ft-<hex>/          the adapters that fine-tunes made, each with a record in ft-<hex>.json

A file is on the disk as `.part` before its row is committed, and gets its final name right after the commit. Before a row is deleted, the
database notes which files to delete with it. So when a killed engine starts again, the names and notes say what is unfinished, and only
that is deleted. A file that has its final name but no row stays where it is (for example, if the database is older than the folder);
`adopt` lists it again. The engine does not start without the database of this very folder.
"""

from __future__ import annotations

import logging
import sqlite3
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from llmengine_integrations._shared.file_lock import TakenError, sole_lock
from llmengine_integrations.engine.config import DataFolderError
from llmengine_integrations.engine.local_paths import SHARED_FOLDER

from .adoption import Adoption, adopt_all
from .backup import back_up
from .batch_jobs import BatchStore
from .checks import DATABASE, check_database, known_id, mark
from .database import Database
from .files import FileStore, FileTooLargeError, Incoming, NotTextError
from .fine_tunes import FineTuneStore, Job
from .holdings import FILES, FINE_TUNES, MODELS, adopt_command, counted, holdings
from .models import ModelStore, TunedModel
from .removals import Removals

__all__ = [
    "Adoption",
    "BatchStore",
    "FileStore",
    "FileTooLargeError",
    "FineTuneStore",
    "Incoming",
    "Job",
    "ModelStore",
    "NotTextError",
    "Store",
    "TunedModel",
    "adopt",
    "back_up",
    "counted",
    "open_store",
]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Store:
    """Everything that an engine keeps. Its methods block. Any thread may call them."""

    folder: Path
    database: Database
    files: FileStore
    batches: BatchStore
    models: ModelStore
    fine_tunes: FineTuneStore
    unlisted: tuple[Path, ...]
    """The uploads, models and fine-tunes that the database does not list."""


@contextmanager
def open_store(folder: Path | None, *, max_file_size: int) -> Generator[Store]:
    """Open a data folder for this process only, and finish or delete what a killed engine left half done.

    Args:
        folder: created if missing. None uses a temporary folder, which is deleted at the end.
        max_file_size: the largest size of one upload, in bytes.

    Raises:
        DataFolderError: another engine uses the folder, its database is missing or damaged, or the folder cannot be used. One line.
    """
    with ExitStack() as stack:
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="llmengine-data-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(temporary))
        with _one_line_errors(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(sole_lock(folder / "lock"))
            check_database(folder)
            store = _open(folder, stack, max_file_size)
        if store.unlisted:
            _log.warning(
                "The data folder %s holds %s that its database does not list. They are kept, but not served. "
                "To take them in, stop the engine and run: %s",
                *(folder, counted(store.unlisted), adopt_command(folder)),
            )
        yield store


def adopt(folder: Path) -> Adoption:
    """List the uploads, models and fine-tunes of a data folder that its database does not list. The database may also be missing.

    Args:
        folder: the data folder. No engine may use it at the same time.

    Raises:
        DataFolderError: an engine uses the folder, its database is damaged, or it is not a data folder. One line.
    """
    with ExitStack() as stack, _one_line_errors(folder):
        if not (folder / DATABASE).exists() and known_id(folder) is None and not holdings(folder):
            raise DataFolderError(f"{folder} is not the data folder of an engine: there is nothing to take in")
        stack.enter_context(sole_lock(folder / "lock"))
        check_database(folder, adopting=True)
        store = _open(folder, stack, max_file_size=0)
        return adopt_all(store.unlisted, store.files, store.fine_tunes)


def _open(folder: Path, stack: ExitStack, max_file_size: int) -> Store:
    database = Database(folder / DATABASE)
    stack.callback(database.close)
    database.migrate()
    mark(folder, database.claim(known_id(folder)))
    removals = Removals(folder, database)
    removals.finish()
    files = FileStore(folder / FILES, database, removals, max_size=max_file_size)
    models = ModelStore(folder / MODELS, database, removals)
    fine_tunes = FineTuneStore(folder / FINE_TUNES, database, models, removals)
    unlisted = (*files.settle(), *fine_tunes.settle(), *models.settle())
    (folder / SHARED_FOLDER).mkdir(mode=0o700, exist_ok=True)
    return Store(folder, database, files, BatchStore(database), models, fine_tunes, unlisted)


@contextmanager
def _one_line_errors(folder: Path) -> Generator[None]:
    try:
        yield
    except TakenError as error:
        raise DataFolderError(
            f"the data folder {folder} is in use by another engine: stop that one, or choose another folder with --data"
        ) from error
    except (OSError, sqlite3.Error) as error:
        raise DataFolderError(f"the data folder {folder} cannot be used: {_reason(error)}") from error


def _reason(error: OSError | sqlite3.Error) -> str:
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
