"""What an engine keeps, in one data folder: an SQLite database and, beside it, the files that its rows speak of.

    FOLDER/lock                 held while an engine serves from the folder, so that a second one is refused
    FOLDER/engine.sqlite3       the rows; SQLite adds -wal and -shm
    FOLDER/files/file-<hex>     uploads
    FOLDER/batches/             what clients name by relative paths: batches' input and output files
    FOLDER/fine-tunes/ft-<hex>/ the rows and settings of fine-tunes that are not over
    FOLDER/models/ft-<hex>/     the adapters that they made

A file counts from the moment that its row is committed until the moment that its row is deleted: it is on the disk before the one and
until after the other. What a killed engine leaves on the disk without a row is swept when the next one starts.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from llmengine_integrations.engine.config import EngineConfigError
from llmengine_integrations.engine.local_paths import SHARED_FOLDER

from .batches import BatchStore
from .database import Database
from .files import FileStore, FileTooLargeError, Incoming, NotTextError
from .fine_tunes import FineTuneStore, Job
from .folder_lock import FolderInUseError, locked
from .models import ModelStore, TunedModel

__all__ = [
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
    "open_store",
]


@dataclass(frozen=True)
class Store:
    """Everything that an engine keeps. Its methods block, and may be called from any thread."""

    folder: Path
    database: Database
    files: FileStore
    batches: BatchStore
    models: ModelStore
    fine_tunes: FineTuneStore


@contextmanager
def open_store(folder: Path | None, *, max_file_size: int) -> Generator[Store]:
    """Open a data folder, alone, and leave it in good order.

    Args:
        folder: made if it is not there. None: a temporary one, deleted at the end.
        max_file_size: bytes of one upload.

    Raises:
        EngineConfigError: another engine has the folder, or it cannot be used; one line.
    """
    with ExitStack() as stack:
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="llmengine-data-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(temporary))
        with _one_line_errors(folder):
            store = _open(folder, stack, max_file_size)
        yield store


def _open(folder: Path, stack: ExitStack, max_file_size: int) -> Store:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stack.enter_context(locked(folder / "lock"))
    database = Database(folder / "engine.sqlite3")
    stack.callback(database.close)
    database.migrate()
    files = FileStore(folder / "files", database, max_size=max_file_size)
    files.sweep()
    models = ModelStore(folder / "models", database)
    models.sweep()
    fine_tunes = FineTuneStore(folder / "fine-tunes", database, models)
    fine_tunes.sweep()
    (folder / SHARED_FOLDER).mkdir(mode=0o700, exist_ok=True)
    return Store(folder, database, files, BatchStore(database), models, fine_tunes)


@contextmanager
def _one_line_errors(folder: Path) -> Generator[None]:
    try:
        yield
    except FolderInUseError as error:
        raise EngineConfigError(
            f"the data folder {folder} is in use by another engine: stop that one, or choose another folder with --data"
        ) from error
    except (OSError, sqlite3.Error) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise EngineConfigError(f"the data folder {folder} cannot be used: {reason}") from error
