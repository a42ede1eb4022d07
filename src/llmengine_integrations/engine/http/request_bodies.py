"""Reading requests. Errors are reported in the gateway's order: invalid JSON, then the key, then all fields of query and body together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Iterable
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from ..dialect.errors import RefusedError
from ..dialect.json_text import has_more_values
from .auth import Authenticator
from .error_replies import ErrorItem, InvalidRequestError, error_item

_T = TypeVar("_T")

_LARGEST_BODY = 64 * 2**20  # bytes: a batch's content may be long; larger ones are sent as files
_LARGEST_UNKNOWN_BODY = 2**20  # bytes that are read and parsed for a client with an invalid key
_MOST_VALUES = (
    150_000  # in a body: checking them blocks all requests for a second; a batch with more can be sent as a file
)
_MOST_ERRORS = 1000  # that are listed one by one: each repeats the invalid input
_PATIENCE = 10.0  # seconds for a client with an invalid key to send its body: it occupies one of the request slots
_SLOWEST = (
    1024.0  # minimum bytes per second of a body, for a client with a valid key, after the first `_HEAD_START` seconds
)
_HEAD_START = 30.0


async def read_body(request: Request, authenticator: Authenticator) -> Any:
    """The parsed body of a request with a valid key; text if the content type is not JSON, None if the body is empty.

    Raises:
        InvalidRequestError: the body is not JSON. As in the gateway, this is reported before an invalid key.
        RefusedError: 400 for bytes that are not text, 401 for an invalid key, 408 for a body that arrives too slowly, 413 for
            too many bytes or values.
    """
    refusal = _refusal(request, authenticator)
    try:
        async with asyncio.timeout(None if refusal is None else _PATIENCE):
            raw = await _read(request, _LARGEST_BODY if refusal is None else _LARGEST_UNKNOWN_BODY)
    except (_TooLargeError, TimeoutError) as error:
        reply = refusal or RefusedError(413, str(error))
        if announced_length(request) <= _LARGEST_BODY:  # a longer one ends, and the client reads the reply
            reply.headers = {**(reply.headers or {}), "Connection": "close"}
        raise reply from error
    except ClientDisconnect as error:
        raise RefusedError(400, "The body was cut off") from error  # the client is gone and never reads this
    body = (
        _parse(raw) if raw and _is_json(request.headers.get("content-type")) else raw.decode(errors="replace") or None
    )
    if refusal is not None:
        raise refusal
    return body


async def arriving(request: Request) -> AsyncIterator[bytes]:
    """The body as it arrives. Stops if the client occupies a slot but sends too slowly.

    Raises:
        RefusedError: 408; the body arrives too slowly.
        ClientDisconnect: the client has disconnected.
    """
    clock, size = asyncio.get_running_loop().time, 0
    deadline = clock() + _HEAD_START
    pieces = request.stream()
    while True:
        try:
            async with asyncio.timeout_at(deadline + size / _SLOWEST):
                piece = await anext(pieces, None)
        except TimeoutError as error:
            raise RefusedError(408, "The body comes too slowly.", headers={"Connection": "close"}) from error
        if piece is None:
            return
        size += len(piece)
        yield piece


def announced_length(request: Request) -> int:
    """The body's length according to the client's Content-Length header; 0 if there is none."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


def validated(body: Any, adapter: TypeAdapter[_T], errors: Iterable[ErrorItem] = ()) -> _T:
    """The body as the adapter's type.

    Args:
        body: what `read_body` returned.
        adapter: the wire type.
        errors: the errors in the query, which are reported first.

    Raises:
        InvalidRequestError: the query or the body is invalid.
    """
    found = list(errors)
    try:
        value = adapter.validate_python(body)
    except ValidationError as error:
        found += _body_errors(body, error)
    else:
        if not found:
            return value
    raise InvalidRequestError(found)


def missing_query(name: str) -> ErrorItem:
    """The error item for a missing required query parameter."""
    return error_item("missing", ("query", name), "Field required", None)


class _TooLargeError(Exception):
    """A body with more bytes than the engine accepts."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit} bytes, the most that this engine takes.")


def _refusal(request: Request, authenticator: Authenticator) -> RefusedError | None:
    try:
        authenticator.check(request.headers)
    except RefusedError as error:
        return error
    return None


async def _read(request: Request, limit: int) -> bytes:
    """The whole body. If its announced length is over the limit, nothing of it is read."""
    if announced_length(request) > limit:
        raise _TooLargeError(limit)
    pieces: list[bytes] = []
    size = 0
    async for piece in arriving(request):
        size += len(piece)
        if size > limit:
            raise _TooLargeError(limit)
        pieces.append(piece)
    return b"".join(pieces)


def _body_errors(body: Any, error: ValidationError) -> list[ErrorItem]:
    if body is None:
        return [error_item("missing", ("body",), "Field required", None)]
    if not isinstance(body, dict):
        message = "Input should be a valid dictionary or object to extract fields from"
        return [error_item("model_attributes_type", ("body",), message, body)]
    if (count := error.error_count()) > _MOST_ERRORS:
        return [error_item("too_many_errors", ("body",), f"{count} things are wrong, too many to tell each", None)]
    return [{**item, "loc": ("body", *item["loc"])} for item in error.errors(include_url=False)]


def _is_json(content_type: str | None) -> bool:
    if content_type is None:
        return True
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("application/") and (kind == "application/json" or kind.endswith("+json"))


def _parse(raw: bytes) -> Any:
    if (encoding := json.detect_encoding(raw)) not in ("utf-8", "utf-8-sig"):  # values cannot be counted
        raise RefusedError(400, f"The body is not JSON in UTF-8; it looks like {encoding}.")
    if has_more_values(raw, _MOST_VALUES):
        raise RefusedError(413, f"The body holds more than {_MOST_VALUES} values, the most that this engine takes.")
    try:
        return json.loads(raw)
    except json.JSONDecodeError as error:
        item = error_item("json_invalid", ("body", error.pos), "JSON decode error", {}, error=error.msg)
        raise InvalidRequestError([item]) from error
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, "There was an error parsing the body") from error


async def until_disconnected(receive: Receive, work: Awaitable[_T]) -> _T | None:
    """Wait for the work. Returns None if the client disconnects first."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        leaving.cancel()


async def _disconnected(receive: Receive) -> Any:
    while (await receive())["type"] != "http.disconnect":
        pass
