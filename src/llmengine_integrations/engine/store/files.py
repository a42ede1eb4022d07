"""Uploads: each has a row, a file and a record.

A file has a temporary name until its row is committed. So a file with its final name was once listed. It is never deleted only because the
database does not list it.
"""

from __future__ import annotations

import codecs
import errno
import logging
import os
import re
import secrets
import shutil
import sqlite3
import time
from pathlib import Path
from typing import BinaryIO

from llmengine_integrations._shared.durable_files import flush_to_disk, sync_folder
from llmengine_integrations.wire.files import File

from .database import Database
from .holdings import log_gone, whole
from .records import created_at, is_text, read_json, record_of, write_record
from .removals import Removals

_log = logging.getLogger(__name__)

_UNFINISHED = ".part"
_OURS = re.compile(rf"(file-[0-9a-f]{{24}}){re.escape(_UNFINISHED)}")
_PIECE = 1024 * 1024  # bytes
_RESERVE = 128 * 2**20  # bytes of the disk that uploads leave free for everything else, above all the database


class NotTextError(Exception):
    """A file that is not UTF-8."""


class FileTooLargeError(Exception):
    """The file is larger than the store accepts."""


class FileStore:
    """Files by id. Names are only for display; a file's path is made from its id.

    Args:
        folder: holds the files; created if missing.
        database: holds the rows.
        removals: deletes files.
        max_size: the largest size of one file, in bytes.
    """

    def __init__(self, folder: Path, database: Database, removals: Removals, *, max_size: int) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._database = database
        self._removals = removals
        self._lost: set[str] = set()
        self.max_size = max_size

    def receive(self, filename: str) -> Incoming:
        """Start a new file. It exists for others once it is kept."""
        return Incoming(self, filename, self.max_size)

    def check_room(self, size: int) -> None:
        """Check that the disk has room for this many bytes, and some to spare.

        Raises:
            OSError: it has not; the number is ENOSPC, as for a write to a full disk.
        """
        if shutil.disk_usage(self._folder).free - size < _RESERVE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def all(self) -> list[File]:
        """Return all files, oldest first."""
        return [file for file in self._listed() if file.id not in self._lost]

    def get(self, file_id: str) -> File | None:
        """Return a file's name and size."""
        found = self._database.rows("SELECT id, filename, size FROM files WHERE id = ?", file_id)
        return _file(*found[0]) if found and file_id not in self._lost else None

    def path(self, file_id: str) -> Path | None:
        """Return the path of a file's bytes. The file may be deleted at any time."""
        file = self.get(file_id)
        return None if file is None else self._path(file.id)

    def open(self, file_id: str) -> BinaryIO | None:
        """Open a file's bytes. On POSIX they can be read to the end even if the file is deleted meanwhile."""
        path = self.path(file_id)
        try:
            return None if path is None else path.open("rb")
        except FileNotFoundError:
            return None

    def delete(self, file_id: str) -> bool:
        """Remove a file's row and delete the file. Return False if no file has that id."""
        place = self._place(file_id)
        with self._database.transaction() as connection:
            deleted = connection.execute("DELETE FROM files WHERE id = ?", (file_id,)).rowcount > 0
            if deleted:
                self._removals.note(connection, place)
        if deleted:
            self._removals.carry_out(place)
        return deleted

    def settle(self) -> list[Path]:
        """Finish or delete what a killed engine left half done. Call this only while nothing else uses the store.

        Returns:
            The uploads that the database does not list. They stay where they are.
        """
        listed = {file.id: file for file in self._listed()}
        present = {path.name for path in self._folder.iterdir() if whole(path)}
        for path in list(self._folder.iterdir()):
            unfinished = _OURS.fullmatch(path.name)
            if unfinished is not None and self._finish(path, listed.get(unfinished[1])):
                present.add(unfinished[1])
        self._lost = listed.keys() - present
        if self._lost:
            log_gone([self._path(file_id) for file_id in sorted(self._lost)])
        return sorted(self._path(file_id) for file_id in present - listed.keys())

    def adopt(self, path: Path) -> None:
        """List an upload that the database does not list.

        Raises:
            ValueError: it cannot be adopted; says why.
        """
        record = read_json(record_of(path))
        size = _checked_size(path, record.get("size"))
        name = record.get("filename")
        if not isinstance(name, str) or not is_text(name):
            name = path.name
        with self._database.transaction() as connection:
            self._removals.forget(connection, self._place(path.name))
            self._insert(
                connection,
                File(id=path.name, filename=name, size=size),
                created_at(path),
            )

    def create(self, file_id: str) -> BinaryIO:
        """Create the file that an upload is written to, under its temporary name."""
        return self._unfinished(file_id).open("xb")

    def admit(self, file: File) -> None:
        """Add a complete file, written and synced, to the store. It is safe on the disk when this returns."""
        unfinished, path, created = self._unfinished(file.id), self._path(file.id), time.time()
        try:
            write_record(path, {"filename": file.filename, "size": file.size, "created_at": created})
            sync_folder(self._folder)
            with self._database.alone():  # no other thread sees the row until the file has its name
                with self._database.transaction() as connection:
                    self._insert(connection, file, created)
                self._rename(unfinished, path)
        except BaseException:
            self._remove(record_of(path))
            raise
        sync_folder(self._folder)

    def _rename(self, unfinished: Path, path: Path) -> None:
        try:
            unfinished.replace(path)
        except BaseException:
            with self._database.transaction() as connection:
                connection.execute("DELETE FROM files WHERE id = ?", (path.name,))
            raise

    def _finish(self, unfinished: Path, file: File | None) -> bool:
        """Give a file its final name if its row was committed. Else delete it: its upload was never acknowledged."""
        path = unfinished.with_name(unfinished.name.removesuffix(_UNFINISHED))
        if path.exists() or file is None:
            self._remove(unfinished)
            if not path.exists():
                self._remove(record_of(path))
        elif unfinished.stat().st_size == file.size:
            unfinished.replace(path)
            sync_folder(self._folder)
        return path.exists()

    def _insert(self, connection: sqlite3.Connection, file: File, created: float) -> None:
        connection.execute(
            "INSERT INTO files (id, filename, size, created_at) VALUES (?, ?, ?, ?)",
            (file.id, file.filename, file.size, created),
        )

    def _listed(self) -> list[File]:
        return [_file(*row) for row in self._database.rows("SELECT id, filename, size FROM files ORDER BY number")]

    def reject(self, file_id: str) -> None:
        """Delete what was written of an upload."""
        self._remove(self._unfinished(file_id))

    def _path(self, file_id: str) -> Path:
        return self._folder / file_id

    def _place(self, file_id: str) -> str:
        return f"{self._folder.name}/{file_id}"

    def _unfinished(self, file_id: str) -> Path:
        return self._folder / (file_id + _UNFINISHED)

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:  # Windows does not delete a file that is being read; the next start does
            _log.info("%s is left for the next start: %s", path, error)


class Incoming:
    """A file that is being uploaded. Write all its bytes, then keep or discard it.

    Args:
        store: the store that receives it.
        filename: its name, for display.
        max_size: its largest size, in bytes.
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
        """Write the next bytes.

        Raises:
            FileTooLargeError: the file is larger than the store accepts.
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
            NotTextError: the file ends within a character.
        """
        self._check(b"", final=True)
        flush_to_disk(self._file)
        self._file.close()
        file = File(id=self._id, filename=self._filename, size=self._size)
        self._store.admit(file)
        return file

    def discard(self) -> None:
        """Delete what was written. Does nothing once the file is kept."""
        self._file.close()
        self._store.reject(self._id)

    def _check(self, data: bytes, *, final: bool = False) -> None:
        try:
            self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            raise NotTextError(f"{self._filename!r} is not UTF-8: {error.reason}") from error


def _file(file_id: str, filename: str, size: int) -> File:
    return File(id=file_id, filename=filename, size=size)


def _checked_size(path: Path, expected: object) -> int:
    """Return the size of a file, after checking that it is complete and is text.

    Raises:
        ValueError: it is incomplete, or not text.
    """
    if path.is_symlink() or not path.is_file():
        raise ValueError("it is not a file")
    decoder, size = codecs.getincrementaldecoder("utf-8")(), 0
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                size += len(piece)
                decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8: {error.reason}") from error
    if isinstance(expected, int) and size != expected:
        raise ValueError(f"it has {size} bytes, and its record says {expected}")
    return size
