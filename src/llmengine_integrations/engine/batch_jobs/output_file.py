"""The output file of a batch job: a JSON array with one item per line. It appears once it is complete."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from llmengine_integrations._shared.durable_files import replacing


def prepare(path: Path) -> None:
    """Check before the work starts that the file can be written.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path.parent} cannot be written")


def write(path: Path, items: Iterable[str], job_id: str) -> None:
    """Write the file. It appears when it is complete and on the disk.

    Args:
        path: its path; an existing file is replaced.
        items: JSON.
        job_id: part of the temporary file's name. So a job that is repeated after a crash leaves no temporary file behind.

    Raises:
        OSError: it cannot be written.
    """
    # A link that was put in its place since the path was checked is not followed, because it may lead anywhere.
    with replacing(path, part=_unfinished(path, job_id), follow_links=False) as file:
        file.write(b"[")
        for number, item in enumerate(items):
            file.write(b",\n" if number else b"\n")
            file.write(item.encode())
        file.write(b"\n]\n")


def discard(path: Path, job_id: str) -> None:
    """Delete an unfinished file that a crash left."""
    with suppress(OSError):
        _unfinished(path, job_id).unlink(missing_ok=True)


def _unfinished(path: Path, job_id: str) -> Path:
    return path.with_name(f".{job_id}.part")
