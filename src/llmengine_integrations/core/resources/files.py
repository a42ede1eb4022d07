"""Files: the data that fine-tunes are trained on."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...wire.files import File, FileContent, FileDeletion, FileList, UploadedFile
from .._operation import Operation, Request, path_segment
from .._resource import Resource, TransportT, endpoint, flow_endpoint
from .._steps import Flow, Local
from ..downloads.local_files import BodyReader, Reported, Save, check_free
from ..downloads.protocol import safe_name
from ..errors import NotFoundError
from ..streams.file_content import JsonText
from ..training.checks import TrainingData, check_source, check_training_file
from ..uploads.multipart import Multipart, UploadProgress
from ..uploads.source import FileSource, Source, open_source

if TYPE_CHECKING:
    from .._timeouts import TimeoutLike


class Files(Resource[TransportT]):
    """Put files where the gateway's fine-tunes can read them, and get them back."""

    @flow_endpoint
    def upload(
        self,
        source: FileSource,
        filename: str | None = None,
        *,
        check: bool = False,
        on_progress: UploadProgress | None = None,
        timeout: TimeoutLike | None = None,
    ) -> Flow[UploadedFile]:
        """Upload a file. `POST /v1/files`.

        It is read while it is sent, in constant memory, and is never sent twice. After an APIConnectionError, check `list` before you try
        again. The gateway accepts only text in UTF-8.

        Args:
            source: A path, bytes, or a file that is open for reading, binary or text; sent from its position to its end. It stays open.
            filename: The name to store it under; the file's own by default. Deployments that store files in S3 or GCS use it as
                the id, and overwrite an older file of that name.
            check: Whether to check first that it is valid training data, as `check` does; its warnings become Python's.
            on_progress: Called with the bytes sent so far, and the total (None if that is not known).
            timeout: Seconds to wait for the next byte, instead of the client's; or an `httpx.Timeout`.

        Raises:
            TrainingDataError: `check` found problems; nothing was sent.
            InvalidArgumentError: The source is not a file, is at its end, or cannot be read twice, as `check` needs.
            ServerError: The file is not UTF-8. The gateway does not give this reason.
            OSError: The file cannot be read.
        """
        file: Source = yield Local(partial(open_source, source, filename))
        try:
            if check:
                found: TrainingData = yield Local(partial(check_source, file))
                for warning in found.warnings:
                    _warn(f"{file.filename}: {warning}")
            form = Multipart(file, on_progress)
            request = Request(method="POST", path=_PATH, form=form, repeatable=False, timeout=timeout)
            uploaded: UploadedFile = yield Operation(request, UploadedFile)
            return uploaded
        finally:
            file.close()

    @flow_endpoint
    def check(self, source: FileSource) -> Flow[TrainingData]:
        """Check whether a file is valid training data, reading it to its end in constant memory. Nothing is sent.

        It must be UTF-8 without a byte order mark, and CSV with a header, or JSON lines. It must have the columns prompt and response, or
        input and output, without empty cells, and at most 100,000 rows. Fewer than 200 rows give a warning.

        Args:
            source: A path, bytes, or a file that is open for reading; its position is restored.

        Raises:
            TrainingDataError: It is not valid; its `problems` say what is wrong in which row.
            OSError: The file cannot be read.
        """
        found: TrainingData = yield Local(partial(check_training_file, source))
        return found

    @endpoint
    def get(self, file_id: str) -> Operation[File]:
        """Return a file's name and size. `GET /v1/files/{id}`.

        Raises:
            NotFoundError: The file does not exist.
            InvalidArgumentError: The id is empty or has a slash, which this route cannot match.
        """
        return Operation(Request(method="GET", path=_path(file_id)), File)

    @endpoint
    def list(self) -> Operation[FileList]:
        """List your files. `GET /v1/files`.

        The reply can be iterated, indexed and measured like a list of `File`.
        """
        return Operation(Request(method="GET", path=_PATH), FileList)

    @endpoint
    def content(self, file_id: str) -> Operation[FileContent]:
        """Return a file's whole text, as the reply's `content`. `GET /v1/files/{id}/content`.

        Raises:
            NotFoundError: The file does not exist.
        """
        return Operation(_content(file_id), FileContent)

    @flow_endpoint
    def download(
        self,
        file_id: str,
        to: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        on_progress: UploadProgress | None = None,
    ) -> Flow[Path]:
        """Write a file's text to this machine, in constant memory, and return its path. `GET /v1/files/{id}/content`.

        The file appears when it is complete. The gateway does not support resuming; after a break, the file is fetched again.

        Args:
            file_id: The file's id.
            to: A path; or a folder (an existing one, or a path that ends with a separator), in which the file has its stored name, made
                safe.
            overwrite: Whether to replace an existing file.
            on_progress: Called with the bytes received so far and the total; with an `AsyncClient`, in another thread. After a break it
                begins at 0 again.

        Raises:
            NotFoundError: The file does not exist.
            FileExistsError: The file exists, or another download is writing it.
            OSError: The file cannot be written.
        """
        path: Path | None = yield Local(partial(_target, to))
        reader: Callable[[], BodyReader] = JsonText
        if path is None or on_progress is not None:
            stored: File = yield Operation(Request(method="GET", path=_path(file_id)), File)
            path = path or Path(to) / safe_name(stored.filename)
            if on_progress is not None:
                reader = partial(_reported, on_progress, stored.size)
        yield Local(partial(_make_ready, path, overwrite=overwrite))
        saved: Path = yield Save(_content(file_id), path, reader, overwrite)
        return saved

    @flow_endpoint
    def delete(self, file_id: str, *, missing_ok: bool = False) -> Flow[FileDeletion]:
        """Delete a file. `DELETE /v1/files/{id}`.

        Args:
            file_id: The file's id.
            missing_ok: Whether a missing file is not an error. The reply's `deleted` is False then.

        Raises:
            NotFoundError: The file does not exist.
        """
        reply: FileDeletion = yield Operation(Request(method="DELETE", path=_path(file_id)), FileDeletion)
        if not reply.deleted and not missing_ok:
            raise NotFoundError(f"There is no file {file_id!r} to delete.", body=reply.model_dump())
        return reply


_PATH = "/v1/files"


def _path(file_id: str) -> str:
    return f"{_PATH}/{path_segment(file_id, 'file id')}"


def _content(file_id: str) -> Request:
    return Request(method="GET", path=f"{_path(file_id)}/content")


def _reported(on_progress: UploadProgress, size: int) -> BodyReader:
    return Reported(JsonText(), on_progress, size)


def _target(to: str | os.PathLike[str]) -> Path | None:
    """Return the path; None for a folder."""
    path = Path(to)
    return None if path.is_dir() or os.fspath(to).endswith((os.sep, "/")) else path


def _make_ready(path: Path, *, overwrite: bool) -> None:
    check_free(path, overwrite=overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)


_PACKAGE = __name__.partition(".")[0]


def _warn(message: str) -> None:
    """Warn as if the line that called this package had warned. Filters use that line, and the user can change it."""
    # From Python 3.12 on, warnings.warn has skip_file_prefixes for this.
    level, frame = 1, sys._getframe()  # noqa: SLF001 - as warnings itself does
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)
