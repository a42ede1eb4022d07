"""The paths that clients name: where on this machine the engine reads and writes, and where it does not.

A client may be another person, or a model. So paths may lead only into the data folder, unless the engine was started with more allowed
folders.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

SHARED_FOLDER = "batches"
"""The folder in the data folder that belongs to clients. Relative paths are below it. The rest of the data folder is the engine's own."""

_SWITCH = "--allow-path"
_LONGEST = 4096  # characters of a path
_DEEPEST = 100  # folders: the library creates them recursively


class PathNotAllowedError(Exception):
    """A path that the engine does not use. The message is one sentence for the client."""


class LocalPaths:
    """Finds the files that clients' paths refer to.

    Links and `..` are resolved before a path is checked, so that none leads out of an allowed folder.

    Args:
        data: the data folder.
        allowed: other folders, below which everything may be read and written.
    """

    def __init__(self, data: Path, allowed: Sequence[Path] = ()) -> None:
        self._data = data.resolve()
        self._shared = self._data / SHARED_FOLDER
        self._shared.mkdir(mode=0o700, exist_ok=True)
        self._allowed = [folder.expanduser().resolve() for folder in allowed]

    def resolve(self, text: str, *, writing: bool = False) -> Path:
        """Return the file of a path, whether it exists or not.

        Args:
            text: a path, or a `file://` URL. A relative path is below `SHARED_FOLDER`.
            writing: whether the file is to be written. In the data folder, only `SHARED_FOLDER` may be written to.

        Raises:
            PathNotAllowedError: the path leads elsewhere, or is not a path on this machine.
        """
        try:
            path = (self._shared / _local(text)).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL, or an unpaired surrogate
            raise PathNotAllowedError(f"{text!r:.200} is not a usable path: {error}.") from error
        if self._is_ours(path):
            allowed = path.is_relative_to(self._shared) or not writing
        else:
            allowed = any(path.is_relative_to(folder) for folder in self._allowed)
        if not allowed or path == self._shared:
            raise PathNotAllowedError(
                f"The path {text!r:.200} is outside the folders that this engine may {'write' if writing else 'read'}: "
                f"use one below {self._shared} (relative paths are), or start the engine with {_SWITCH} FOLDER."
            )
        return path

    def _is_ours(self, path: Path) -> bool:
        return path.is_relative_to(self._data)


def _local(text: str) -> str:
    """Return the path in a path or URL."""
    if not text or "\0" in text or len(text) > _LONGEST or text.count("/") > _DEEPEST:
        raise ValueError("it is empty, too long, too deep, or holds a NUL")
    text.encode()
    if "://" not in text:
        return text
    url = urlsplit(text)
    if url.scheme != "file":
        raise PathNotAllowedError(
            f"{text!r:.200} is not on this machine: this engine reads and writes local files only, "
            f"in its data folder and below the folders of {_SWITCH}."
        )
    if url.netloc not in {"", "localhost"}:
        raise PathNotAllowedError(f"{text!r:.200} names another machine: the URL of a local file has three slashes.")
    found = url2pathname(url.path)
    if not found or "\0" in found:
        raise ValueError("it is empty, or holds a NUL")
    return found
