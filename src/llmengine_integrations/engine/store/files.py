"""Uploads: a row and a file each."""

from __future__ import annotations

import codecs
import errno
import logging
import os
import re
import secrets
import shutil
import time
from pathlib import Path
from typing import BinaryIO

from llmengine_integrations.wire.files import File

from .database import Database
from .durable import sync_folder

_log = logging.getLogger(__name__)

_OURS = re.compile(r"(file-[0-9a-f]{24})(\.part)?")
_UNFINISHED = ".part"
_RESERVE = 128 * 2**20  # bytes of the disk that uploads leave to everything else, the database above all


class NotTextError(Exception):
    """A file that is not UTF-8."""


class FileTooLargeError(Exception):
    """A file of more bytes than the store takes."""


class FileStore:
    """Files by id. Names are kept for display only; a file's path is made from its id.

    Args:
        folder: where the files are; made if it is not there.
        database: where the rows are.
        max_size: bytes of one file.
    """

    def __init__(self, folder: Path, database: Database, *, max_size: int) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._database = database
        self.max_size = max_size

    def receive(self, filename: str) -> Incoming:
        """Begin a new file, which is there once it is kept."""
        return Incoming(self, filename, self.max_size)

    def check_room(self, size: int) -> None:
        """See that the disk has room for so many bytes, and some to spare.

        Raises:
            OSError: it has not; with the number ENOSPC, as when a write finds out.
        """
        if shutil.disk_usage(self._folder).free - size < _RESERVE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def all(self) -> list[File]:
        """All files, oldest first."""
        return [_file(*row) for row in self._database.rows("SELECT id, filename, size FROM files ORDER BY number")]

    def get(self, file_id: str) -> File | None:
        """A file's name and size."""
        found = self._database.rows("SELECT id, filename, size FROM files WHERE id = ?", file_id)
        return _file(*found[0]) if found else None

    def path(self, file_id: str) -> Path | None:
        """Where a file's bytes are. The file may be deleted at any time."""
        file = self.get(file_id)
        return None if file is None else self._path(file.id)

    def open(self, file_id: str) -> BinaryIO | None:
        """A file's bytes. On POSIX they can be read to the end even when the file is deleted meanwhile."""
        path = self.path(file_id)
        try:
            return None if path is None else path.open("rb")
        except FileNotFoundError:
            return None

    def delete(self, file_id: str) -> bool:
        """Forget a file and delete it; False if there is none of that id."""
        with self._database.transaction() as connection:
            deleted = connection.execute("DELETE FROM files WHERE id = ?", (file_id,)).rowcount > 0
        if deleted:
            self._remove(self._path(file_id))
        return deleted

    def sweep(self) -> None:
        """Delete what a killed engine left half done, and forget files that somebody took away. Only while nobody else uses the store."""
        known = {file.id for file in self.all()}
        present: set[str] = set()
        for path in self._folder.iterdir():
            ours = _OURS.fullmatch(path.name)
            if ours is not None and ours[1] in known and not ours[2]:
                present.add(ours[1])
            elif ours is not None:
                self._remove(path)
        for lost in known - present:
            _log.warning(
                "The upload %s is listed, but its file is gone from %s: it is listed no more.", lost, self._folder
            )
            self.delete(lost)

    def create(self, file_id: str) -> BinaryIO:
        """The file that an upload is written to, under a name that `sweep` takes for unfinished."""
        return self._unfinished(file_id).open("xb")

    def admit(self, file: File) -> None:
        """Make a whole file, written and synced, one of the store's. It is safe when this returns."""
        self._unfinished(file.id).replace(self._path(file.id))
        sync_folder(self._folder)
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "INSERT INTO files (id, filename, size, created_at) VALUES (?, ?, ?, ?)",
                    (file.id, file.filename, file.size, time.time()),
                )
        except BaseException:
            self._remove(self._path(file.id))
            raise

    def reject(self, file_id: str) -> None:
        """Delete what was written of an upload."""
        self._remove(self._unfinished(file_id))

    def _path(self, file_id: str) -> Path:
        return self._folder / file_id

    def _unfinished(self, file_id: str) -> Path:
        return self._folder / (file_id + _UNFINISHED)

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:  # Windows keeps a file that is being read; the next start sweeps it
            _log.info("%s is left for the next start: %s", path, error)


class Incoming:
    """A file on its way in. Give it every byte, then keep or discard it.

    Args:
        store: where it goes.
        filename: its name, for display.
        max_size: bytes that it may have.
    """

    def __init__(self, store: FileStore, filename: str, max_size: int) -> None:
        self._store = store
        self._filename = filename
        self._max_size = max_size
        self._id = f"file-{secrets.token_hex(12)}"
        self._size = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._file = store.create(self._id)

    def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            FileTooLargeError: that is more than the store takes.
            NotTextError: they are not UTF-8.
        """
        self._size += len(data)
        if self._size > self._max_size:
            raise FileTooLargeError(self._filename)
        self._check(data)
        self._file.write(data)

    def keep(self) -> File:
        """Put the file into the store, on the disk.

        Raises:
            NotTextError: it ends within a character.
        """
        self._check(b"", final=True)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        file = File(id=self._id, filename=self._filename, size=self._size)
        self._store.admit(file)
        return file

    def discard(self) -> None:
        """Drop it. Harmless once it is kept."""
        self._file.close()
        self._store.reject(self._id)

    def _check(self, data: bytes, *, final: bool = False) -> None:
        try:
            self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            raise NotTextError(f"{self._filename!r} is not UTF-8: {error.reason}") from error


def _file(file_id: str, filename: str, size: int) -> File:
    return File(id=file_id, filename=filename, size=size)
