"""Reading requests in the gateway's order: JSON that cannot be parsed, then the key, then every field, query and body together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Receive

from .auth import Authenticator
from .constraints import GUIDED_FIELDS, Constraint, ConstraintError, guided_constraint
from .replies import ErrorItem, InvalidRequestError, error_item

_T = TypeVar("_T")


async def read_body(request: Request, authenticator: Authenticator) -> Any:
    """The parsed body of a request whose key is good; text when the content type is not JSON, None when it is empty.

    Raises:
        InvalidRequestError: the body is not JSON; decided before the key is looked at, as the gateway does.
        HTTPException: 400 for bytes that are no text at all, 401 for the key.
    """
    raw = await request.body()
    body = (
        _parse(raw) if raw and _is_json(request.headers.get("content-type")) else raw.decode(errors="replace") or None
    )
    authenticator.check(request.headers)
    return body


def validated(body: Any, adapter: TypeAdapter[_T], errors: Iterable[ErrorItem] = ()) -> _T:
    """The body as the adapter's type.

    Args:
        body: what `read_body` returned.
        adapter: the wire type.
        errors: what is wrong with the query; reported first.

    Raises:
        InvalidRequestError: something is wrong with query or body.
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


async def read_constraint(fields: Mapping[str, Any]) -> Constraint | None:
    """The constraint of a request's guided_* fields; None without any.

    Raises:
        HTTPException: 400; the constraint is invalid, or there are several.
    """
    if all(fields.get(name) is None for name in GUIDED_FIELDS):
        return None
    try:
        return await run_in_threadpool(guided_constraint, fields)
    except ConstraintError as error:
        raise HTTPException(400, str(error)) from error


def missing_query(name: str) -> ErrorItem:
    """The error item for a query parameter that is required and absent."""
    return error_item("missing", ("query", name), "Field required", None)


def _body_errors(body: Any, error: ValidationError) -> list[ErrorItem]:
    if body is None:
        return [error_item("missing", ("body",), "Field required", None)]
    if not isinstance(body, dict):
        message = "Input should be a valid dictionary or object to extract fields from"
        return [error_item("model_attributes_type", ("body",), message, body)]
    return [{**item, "loc": ("body", *item["loc"])} for item in error.errors(include_url=False)]


def _is_json(content_type: str | None) -> bool:
    if content_type is None:
        return True
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("application/") and (kind == "application/json" or kind.endswith("+json"))


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except json.JSONDecodeError as error:
        item = error_item("json_invalid", ("body", error.pos), "JSON decode error", {}, error=error.msg)
        raise InvalidRequestError([item]) from error
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "There was an error parsing the body") from error


async def until_disconnected(receive: Receive, work: Awaitable[_T]) -> _T | None:
    """Wait for the work; None when the client goes away first."""
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
