"""The output file of a batch job: a JSON array, one item a line, that is there when it is whole."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def prepare(path: Path) -> None:
    """Find out before the work whether the file could be written.

    Raises:
        OSError: it could not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path.parent} cannot be written")


def write(path: Path, items: Iterable[str], job_id: str) -> None:
    """Write the file beside its place, and put it there when it is whole and on the disk.

    Args:
        path: its place; a file that is there is replaced.
        items: JSON.
        job_id: names the unfinished file, so that a job that is done again after a crash leaves none behind.

    Raises:
        OSError: it cannot be written.
    """
    unfinished = path.with_name(f".{job_id}.part")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            file.write("[")
            for number, item in enumerate(items):
                file.write(",\n" if number else "\n")
                file.write(item)
            file.write("\n]\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        discard(path, job_id)
        raise


def discard(path: Path, job_id: str) -> None:
    """Delete what a crash left of an unfinished file."""
    with suppress(OSError):
        path.with_name(f".{job_id}.part").unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a renaming last; Windows knows no such thing."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
