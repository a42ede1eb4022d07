"""The routes of files: `/v1/files`.

An engine has one key or accepts every key, so files belong to the engine: every authenticated client sees all of them. The gateway
separates the files of different users.
"""

from __future__ import annotations

import codecs
import logging
from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO

from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from llmengine_integrations.wire.files import File, FileDeletion, FileList, UploadedFile

from ...dialect.errors import RefusedError
from ...store import FileStore, FileTooLargeError, NotTextError
from ..auth import Authenticator
from ..error_replies import InvalidRequestError, error_item, json_reply, unhandled_reply
from ..request_bodies import announced_length, arriving
from ..upload_form import FormError, UploadForm

_log = logging.getLogger(__name__)

_PIECE = 1024 * 1024  # bytes of an upload or download that are in memory at a time
_FORM = 64 * 1024  # maximum bytes of a form in addition to its file
_NOT_FOUND = "The specified file could not be found."


class FileRoutes:
    """Uploads: text files that fine-tunes and batches read.

    Args:
        files: stores the files.
        authenticator: checks keys. Unlike in the gateway, the key is checked before any of the form is read or written to disk.
    """

    def __init__(self, files: FileStore, authenticator: Authenticator) -> None:
        self._files = files
        self._authenticator = authenticator

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes, for the application."""
        return [
            Route("/v1/files", self._list, methods=["GET"]),
            Route("/v1/files", self._upload, methods=["POST"]),
            Route("/v1/files/{file_id}", self._get, methods=["GET"]),
            Route("/v1/files/{file_id}", self._delete, methods=["DELETE"]),
            Route("/v1/files/{file_id}/content", self._content, methods=["GET"]),
        ]

    async def _upload(self, request: Request) -> Response:
        self._authenticator.check(request.headers)
        try:
            file = await self._received(request)
        except NotTextError as error:
            _log.warning("An upload is refused: %s", error)
            return unhandled_reply(request, error)
        except FileTooLargeError as error:
            raise self._too_large() from error
        except FormError as error:
            raise RefusedError(400, str(error)) from error
        except ClientDisconnect:
            return Response(status_code=400)  # the client is gone and never reads this
        return json_reply(UploadedFile(id=file.id))

    async def _received(self, request: Request) -> File:
        """Store the file of a form."""
        content_type = request.headers.get("content-type", "")
        if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
            raise InvalidRequestError([error_item("missing", ("body", "file"), "Field required", None)])
        if announced_length(request) > self._files.max_size + _FORM:
            raise self._too_large()
        form = UploadForm(content_type, self._files.receive)
        try:
            await run_in_threadpool(self._files.check_room, announced_length(request))
            async for piece in _gathered(arriving(request)):
                await run_in_threadpool(self._feed, form, piece)
            return await run_in_threadpool(_keep, form)
        finally:
            form.close()

    def _feed(self, form: UploadForm, piece: bytes) -> None:
        self._files.check_room(len(piece))
        form.feed(piece)

    async def _list(self, request: Request) -> Response:
        self._authenticator.check(request.headers)
        return json_reply(FileList(files=await run_in_threadpool(self._files.all)))

    async def _get(self, request: Request) -> Response:
        self._authenticator.check(request.headers)
        file = await run_in_threadpool(self._files.get, request.path_params["file_id"])
        if file is None:
            raise RefusedError(404, _NOT_FOUND)
        return json_reply(file)

    async def _delete(self, request: Request) -> Response:
        self._authenticator.check(request.headers)
        deleted = await run_in_threadpool(self._files.delete, request.path_params["file_id"])
        return json_reply(FileDeletion(deleted=deleted))

    async def _content(self, request: Request) -> Response:
        self._authenticator.check(request.headers)
        file_id: str = request.path_params["file_id"]
        file = await run_in_threadpool(self._files.open, file_id)
        if file is None:
            raise RefusedError(404, _NOT_FOUND)
        return ContentStream(file_id, file)

    def _too_large(self) -> RefusedError:
        limit = self._files.max_size
        return RefusedError(413, f"The file is larger than {limit} bytes, the most that this engine takes.")


class ContentStream(StreamingResponse):
    """`{"id": ..., "content": ...}` with a UTF-8 file as the content, encoded while it is sent.

    Args:
        file_id: the file's id.
        file: open for reading. It is closed at the end, or when the client disconnects.
    """

    def __init__(self, file_id: str, file: BinaryIO) -> None:
        self._file = file
        super().__init__(_content_json(file_id, file), media_type="application/json")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the reply."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def _keep(form: UploadForm) -> File:
    found = form.found
    if found is None:
        raise InvalidRequestError([error_item("missing", ("body", "file"), "Field required", None)])
    if isinstance(found, str):
        message = "Value error, Expected UploadFile, received: <class 'str'>"
        raise InvalidRequestError([error_item("value_error", ("body", "file"), message, found, error={})])
    return found.keep()


async def _gathered(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in larger pieces, each large enough to justify a call in a thread."""
    waiting: list[bytes] = []
    size = 0
    async for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= _PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    if size:
        yield b"".join(waiting)


def _content_json(file_id: str, file: BinaryIO) -> Iterator[bytes]:
    yield b'{"id":' + to_json(file_id) + b',"content":"'
    decoder = codecs.getincrementaldecoder("utf-8")()
    while piece := file.read(_PIECE):
        yield to_json(decoder.decode(piece))[1:-1]
    yield b'"}'
