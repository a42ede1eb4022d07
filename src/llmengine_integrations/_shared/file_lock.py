"""Locks that the threads and processes of one machine share: files that only one holder at a time can lock."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

_TAKEN = frozenset({errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK})

if sys.platform == "win32":
    import msvcrt
    import time

    _FAR = 2**30  # beyond the content, which others may read and write

    def _try(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _acquire(descriptor: int) -> None:
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except OSError:  # LK_LOCK would wait too, but gives up after ten seconds
                time.sleep(0.01)
            else:
                return
else:
    import fcntl

    def _try(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _acquire(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextmanager
def file_lock(path: Path) -> Generator[None]:
    """Wait for the lock and hold it. The system releases it when its holder dies. The file stays, because others may be waiting on it.

    Raises:
        OSError: The file cannot be created.
    """
    with path.open("ab") as file:
        _acquire(file.fileno())
        yield


class TakenError(Exception):
    """The lock is held elsewhere."""


@contextmanager
def sole_lock(path: Path) -> Generator[None]:
    """Hold the lock, without waiting for it. The system releases it when its holder dies. The file stays; only its creator may access it.

    Raises:
        TakenError: It is held by another process, or elsewhere in this one.
        OSError: The file cannot be created or locked.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            _try(descriptor)
        except OSError as error:
            if error.errno in _TAKEN:
                raise TakenError(str(path)) from error
            raise
        yield
    finally:
        os.close(descriptor)


class Claim:
    """A file that only its holder writes to, until it releases the file or dies. Created if missing.

    On file systems without locks, nothing is claimed.

    Raises:
        FileExistsError: Another holder has it.
        OSError: The file cannot be created, or is a link. Another user may have put it there, to a file that must not be overwritten.
    """

    def __init__(self, path: Path) -> None:
        while True:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | _NO_LINK, 0o666)
            try:
                _claim(descriptor, path)
                if _is_at(descriptor, path):
                    self._descriptor: int | None = descriptor
                    return
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # its holder has just moved the file to its final path, or deleted it

    def release(self) -> None:
        """Release it. Does nothing if it is already released."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def keep(self, place: Path, path: Path) -> None:
        """Move the file from `path` to its final place, and release it."""
        if sys.platform == "win32":  # Windows cannot move an open file
            self.release()
        try:
            path.replace(place)
        finally:
            self.release()

    def drop(self, path: Path) -> None:
        """Delete the file at `path`, and release it. Does nothing if it is already released."""
        if self._descriptor is None:
            return
        if sys.platform == "win32":
            self.release()
        try:
            with suppress(FileNotFoundError):
                path.unlink()
        finally:
            self.release()


_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def _claim(descriptor: int, path: Path) -> None:
    try:
        _try(descriptor)
    except OSError as error:
        if error.errno in _TAKEN:
            raise FileExistsError(f"{path} is being written by another download.") from error


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
