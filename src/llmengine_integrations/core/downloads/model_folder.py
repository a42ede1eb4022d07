"""A folder of files to fetch from presigned URLs. `protocol.py` fetches one file, and `runners.py` runs several downloads."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from ..._shared.file_lock import Claim
from .._steps import Transfer
from .._timeouts import Timeout, TimeoutLike
from ..errors import InvalidArgumentError, InvalidResponseError
from ..transport.backend import Outgoing
from .local_files import Writer, check_free, part_path
from .protocol import Get, Part, Step, download_steps, safe_names
from .runners import Tasks, Threads

if TYPE_CHECKING:
    from ...wire.models import ModelDownload
    from .._operation import Operation
    from ..transport.async_transport import AsyncTransport
    from ..transport.sync_transport import SyncTransport

DownloadProgress: TypeAlias = Callable[[str, int, int | None], object]
"""Called with a file's name, its bytes so far, and its size (None if that is not known)."""

READ = 60.0
"""Seconds that a download waits for the next bytes. A storage needs no time to think, as a model does."""


@dataclass(slots=True, kw_only=True)
class FileDownload:
    """One file of a download: its source, its target, and how much of it there is."""

    name: str
    url: str = field(repr=False)
    path: Path
    part: Part
    max_retries: int
    allow_http: bool
    on_progress: DownloadProgress | None
    overwrite: bool
    _claim: Claim | None = None

    def steps(self) -> Generator[Step, Any, None]:
        """Return the steps that fetch it."""
        return download_steps(self.name, self.url, self.part, max_retries=self.max_retries, allow_http=self.allow_http)

    def open(self) -> None:
        """Take over what an earlier download has left, and keep others away from it until `close`.

        Raises:
            FileExistsError: Another download is writing it, or has completed it.
        """
        self._claim = Claim(part_path(self.path))
        try:
            check_free(self.path, overwrite=self.overwrite)
            self._load()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release it; the part that was downloaded stays. Does nothing if it is already released."""
        if self._claim is None:
            return
        part = part_path(self.path)
        with suppress(FileNotFoundError):  # someone has deleted it
            if not part.stat().st_size:
                self._note.unlink(missing_ok=True)
                self._claim.drop(part)
        self._claim.release()
        self._claim = None

    def _load(self) -> None:
        try:
            noted = cast("dict[str, Any]", json.loads(self._note.read_bytes()))
            total, validator = noted["total"], noted["validator"]
            size = part_path(self.path).stat().st_size
        except (OSError, ValueError, KeyError, TypeError):
            return
        if isinstance(validator, str) and (total is None or (isinstance(total, int) and size <= total)):
            self.part = Part(size, total, validator)

    def writer(self) -> Writer:
        """Return a writer for the part, which notes the file that the part belongs to."""
        note = json.dumps({"total": self.part.total, "validator": self.part.validator})
        return Writer(part_path(self.path), self.part.size, (self._note, note))

    def wrote(self, count: int) -> None:
        """Count what has been written."""
        self.part.size += count
        if self.on_progress is not None:
            self.on_progress(self.name, self.part.size, self.part.total)

    def keep(self) -> None:
        """Move it to its final place."""
        if self._claim is None:
            raise AssertionError("it is being written")
        self._note.unlink(missing_ok=True)
        self._claim.keep(self.path, part_path(self.path))
        self._claim = None

    @property
    def _note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloads(Transfer):
    """Fetch files from presigned URLs into a folder. They appear when all are complete. Answered with a path for each name."""

    urls: Mapping[str, str] = field(repr=False)
    to: Path
    renew: Operation[ModelDownload]
    max_concurrency: int
    max_retries: int
    overwrite: bool
    allow_http: bool
    on_progress: DownloadProgress | None
    timeout: TimeoutLike | None

    def __post_init__(self) -> None:
        if self.max_concurrency < 1 or self.max_retries < 0:
            raise InvalidArgumentError("max_concurrency is 1 or more, and max_retries 0 or more.")

    def run(self, transport: SyncTransport) -> dict[str, Path]:
        """Fetch them with threads."""
        return Threads(self, transport).run()

    async def arun(self, transport: AsyncTransport) -> dict[str, Path]:
        """Fetch them with tasks."""
        return await Tasks(self, transport).run()

    def prepare(self) -> list[FileDownload]:
        """Create the folder, and check what it contains.

        Raises:
            FileExistsError: One of the files exists and must not be overwritten.
        """
        if not self.urls:
            raise InvalidResponseError("The gateway names no file to download.")
        self.to.mkdir(parents=True, exist_ok=True)
        files: list[FileDownload] = []
        for name, safe in safe_names(self.urls).items():
            path = self.to / safe
            check_free(path, overwrite=self.overwrite)
            file = FileDownload(
                name=name,
                url=self.urls[name],
                path=path,
                part=Part(),
                max_retries=self.max_retries,
                allow_http=self.allow_http,
                on_progress=self.on_progress,
                overwrite=self.overwrite,
            )
            files.append(file)
        return files

    def deadline(self) -> float | None:
        """Return the time by which all files must be complete, if the download begins now."""
        total = self._timeouts.total
        return None if total is None else time.monotonic() + total

    def outgoing(self, step: Get, deadline: float | None) -> Outgoing:
        """Return the request of a step, without anything that identifies the user."""
        return Outgoing(
            method="GET",
            url=step.url,
            headers=step.headers,
            content=None,
            timeouts=self._timeouts.until(deadline),
            deadline=deadline,
        )

    @property
    def _timeouts(self) -> Timeout:
        return Timeout(read=READ, write=READ) if self.timeout is None else Timeout.of(self.timeout)

    @staticmethod
    def keep(files: list[FileDownload]) -> dict[str, Path]:
        """Move all files to their final places."""
        for file in files:
            file.keep()
        return {file.name: file.path for file in files}
