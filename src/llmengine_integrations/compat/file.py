"""Upstream's `File`."""

from __future__ import annotations

from ..core.resources.files import Files
from ..core.uploads.source import FileSource
from ._call import Call, method
from ._responses import (
    DeleteFileResponse,
    GetFileContentResponse,
    GetFileResponse,
    ListFilesResponse,
    UploadFileResponse,
)
from .api_engine import Headers


class File:
    """Put files where fine-tunes can read them, and get them back. Each call has an async version, such as `aupload`."""

    @method
    def upload(self, file: FileSource, request_headers: Headers = None) -> Call[UploadFileResponse]:
        """Upload a file. `POST /v1/files`. It is never sent twice.

        Args:
            file: A file that is open for reading, text or binary; also a path, or bytes. It must be UTF-8.
            request_headers: Headers of this call.

        Raises:
            ServerError: The file is not UTF-8.
            OSError: It cannot be read.
        """
        return Call(Files.upload.build(None, file), UploadFileResponse, request_headers)

    @method
    def get(self, file_id: str, request_headers: Headers = None) -> Call[GetFileResponse]:
        """Return a file's name and its size in bytes. `GET /v1/files/{id}`.

        Raises:
            NotFoundError: The file does not exist.
        """
        return Call(Files.get.build(None, file_id), GetFileResponse, request_headers)

    @method
    def list(self, request_headers: Headers = None) -> Call[ListFilesResponse]:
        """List your files. `GET /v1/files`."""
        return Call(Files.list.build(None), ListFilesResponse, request_headers)

    @method
    def delete(self, file_id: str, request_headers: Headers = None) -> Call[DeleteFileResponse]:
        """Delete a file. `DELETE /v1/files/{id}`. If it does not exist, `deleted` is False."""
        return Call(Files.delete.build(None, file_id, missing_ok=True), DeleteFileResponse, request_headers)

    @method
    def download(self, file_id: str, request_headers: Headers = None) -> Call[GetFileContentResponse]:
        """Return a file's text, as `content`. `GET /v1/files/{id}/content`.

        Raises:
            NotFoundError: The file does not exist.
        """
        return Call(Files.content.build(None, file_id), GetFileContentResponse, request_headers)

    aupload = upload.awaited
    aget = get.awaited
    alist = list.awaited  # noqa: A003 - the method above, not the builtin
    adelete = delete.awaited
    adownload = download.awaited
