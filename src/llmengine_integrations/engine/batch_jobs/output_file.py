"""The output file of a batch job: a JSON array, one item a line, that is there when it is whole."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from llmengine_integrations._shared.durable_files import replacing


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
    """Write the file, which appears when it is whole and on the disk.

    Args:
        path: its place; a file that is there is replaced.
        items: JSON.
        job_id: names the unfinished file, so that a job that is done again after a crash leaves none behind.

    Raises:
        OSError: it cannot be written.
    """
    # A link that has come to its place since the path was checked is not followed: it may lead anywhere.
    with replacing(path, part=_unfinished(path, job_id), follow_links=False) as file:
        file.write(b"[")
        for number, item in enumerate(items):
            file.write(b",\n" if number else b"\n")
            file.write(item.encode())
        file.write(b"\n]\n")


def discard(path: Path, job_id: str) -> None:
    """Delete what a crash left of an unfinished file."""
    with suppress(OSError):
        _unfinished(path, job_id).unlink(missing_ok=True)


def _unfinished(path: Path, job_id: str) -> Path:
    return path.with_name(f".{job_id}.part")
