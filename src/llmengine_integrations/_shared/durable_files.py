"""Replaces files as a whole: readers see either the old file or the new one, and a failed write leaves the old one."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_CANNOT_SYNC = frozenset({errno.EACCES, errno.EBADF, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM})


@contextmanager
def replacing(
    path: Path, *, part: Path | None = None, durable: bool = True, follow_links: bool = True
) -> Generator[IO[bytes]]:
    """Write a temporary file next to `path`. At the end of the `with` block it replaces `path`; if the block fails, it is deleted.

    The new file gets the permissions of the file that it replaces. Links to the file stay links.

    Args:
        path: The file to write or replace.
        part: The path of the temporary file, in the same folder; by default, a hidden name that nothing else uses. A file there is deleted.
        durable: Whether to wait until it is on the disk, so that it survives a power failure.
        follow_links: Whether to replace the target if `path` is a link; otherwise the file replaces the link itself.

    Raises:
        OSError: It cannot be written, or `path` is something other than a file. The old file is unchanged.
    """
    place = Path(os.path.realpath(path)) if follow_links else path
    mode = _old_mode(place)
    part = part or place.with_name(f".{secrets.token_hex(8)}.part")
    try:
        part.unlink(missing_ok=True)
        with part.open("xb") as file:
            yield file
            if mode is not None and os.name == "posix":
                part.chmod(mode)
            if durable:
                flush_to_disk(file)
        part.replace(place)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == str(part):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    if durable:
        sync_folder(place.parent)


def write_file(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a whole file, or replace an existing one, as `replacing` does.

    Raises:
        OSError: It cannot be written; the error has its path. The old file is unchanged.
    """
    try:
        with replacing(path, durable=durable) as file:
            file.write(data)
    except OSError as error:
        if error.filename is None and error.errno is not None:  # for example on a full disk
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def flush_to_disk(file: IO[bytes]) -> None:
    """Wait until what was written to an open file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_file(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to the disk. Does nothing on Windows, some network drives and unreadable folders, which have no way to."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


def _old_mode(place: Path) -> int | None:
    """Return the permissions of the file that will be replaced; None if there is no file."""
    try:
        found = place.lstat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
    if not stat.S_ISREG(found) and not stat.S_ISLNK(found):
        raise FileExistsError(errno.EEXIST, "This is not a regular file, and is not replaced by one", str(place))
    return None if stat.S_ISLNK(found) else stat.S_IMODE(found)
