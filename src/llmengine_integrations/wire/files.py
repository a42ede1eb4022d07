"""Bodies of the routes under `/v1/files`."""

from __future__ import annotations

from ._base import ListReply, Reply


class UploadedFile(Reply):
    """The reply of `POST /v1/files`."""

    id: str
    """What fine-tunes take as `training_file`. Deployments that store files in S3 or GCS answer with the file's name."""


class File(Reply):
    """A file that was uploaded."""

    id: str
    filename: str
    size: int
    """Bytes."""


class FileList(ListReply[File]):
    """The reply of `GET /v1/files`."""

    files: list[File]

    @property
    def items(self) -> list[File]:
        """Return the files."""
        return self.files


class FileContent(Reply):
    """The reply of `GET /v1/files/{id}/content`."""

    id: str
    content: str
    """The whole text."""


class FileDeletion(Reply):
    """The reply of `DELETE /v1/files/{id}`."""

    deleted: bool
