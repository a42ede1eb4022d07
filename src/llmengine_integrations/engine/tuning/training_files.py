"""The files that a fine-tune names: uploads, URLs and paths. Their rows are checked and copied to the training's folder."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import urlsplit

from ..dialect.errors import RefusedError
from ..local_paths import LocalPaths, PathNotAllowedError
from ..store import FileStore
from .context_check import short_enough
from .dataset import COLUMNS, DatasetError, MissingColumnsError, read_rows
from .safe_fetch import FetchError, fetch
from .training_folder import write_rows

Purpose = Literal["training", "validation"]


class TrainingFiles:
    """Reads the files named in `training_file` and `validation_file`. It blocks on files and on the network.

    Args:
        files: the uploads.
        paths: decides which paths on this machine may be read.
        allow_private_urls: whether URLs may lead to private networks and to this machine.
    """

    def __init__(self, files: FileStore, paths: LocalPaths, *, allow_private_urls: bool) -> None:
        self._files = files
        self._paths = paths
        self._allow_private_urls = allow_private_urls

    def copy(self, named: str, target: Path, *, purpose: Purpose, model: Path) -> int:
        """Copy the rows of a file, check each and count them. After that, the file is not needed.

        Args:
            named: an upload's id, an http or https URL, or a path.
            target: where the rows are written.
            purpose: for messages.
            model: the folder of the model. Every row must fit into its context.

        Raises:
            RefusedError: 404 if the upload does not exist, 400 for any other problem, with the row.
        """
        with self._opened(named, target.with_suffix(".fetched"), purpose) as file:
            try:
                return write_rows(target, short_enough(read_rows(file), model))
            except MissingColumnsError as error:
                wanted = [list(pair) for pair in COLUMNS]
                raise RefusedError(
                    400, f"Required column headers (one subset of {wanted}) not found in {purpose} dataset"
                ) from error
            except DatasetError as error:
                raise RefusedError(400, f"The {purpose} file cannot be used: {error}") from error

    @contextmanager
    def _opened(self, named: str, fetched: Path, purpose: Purpose) -> Generator[BinaryIO]:
        if named.startswith("file-"):
            file = self._files.open(named)
            if file is None:
                raise RefusedError(404, f"{purpose.capitalize()} file does not exist")
        elif _scheme(named) in {"http", "https"}:
            file = self._fetched(named, fetched, purpose)
        else:
            file = self._local(named, purpose)
        try:
            with file:
                yield file
        finally:
            fetched.unlink(missing_ok=True)

    def _fetched(self, url: str, target: Path, purpose: Purpose) -> BinaryIO:
        try:
            with target.open("xb") as file:
                fetch(url, file, max_size=self._files.max_size, allow_private=self._allow_private_urls)
        except FetchError as error:
            raise RefusedError(400, f"The {purpose} file cannot be fetched. {error}") from error
        return target.open("rb")

    def _local(self, named: str, purpose: Purpose) -> BinaryIO:
        try:
            path = self._paths.resolve(named)
            if path.is_file():
                return path.open("rb")
        except PathNotAllowedError as error:
            raise RefusedError(400, f"Cannot find the {purpose} file. {error}") from error
        except OSError as error:
            raise RefusedError(400, f"Cannot find the {purpose} file: {error.strerror}.") from error
        raise RefusedError(400, f"Cannot find the {purpose} file. Verify the path and file name are correct.")


def _scheme(text: str) -> str:
    """Return the scheme of a URL; empty if the text is not a URL."""
    try:
        return urlsplit(text).scheme
    except ValueError:
        return ""
