"""A lock that threads and processes of one machine share: a file that one holder at a time has locked."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
    import time

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

    def _acquire(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextmanager
def file_lock(path: Path) -> Generator[None]:
    """Wait for the lock and hold it. The system lets go of it when its holder dies; the file stays, because others may wait on it.

    Raises:
        OSError: The file cannot be made.
    """
    with path.open("ab") as file:
        _acquire(file.fileno())
        yield
