"""The bodies of error replies, in the gateway's four shapes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ..dialect.json_text import encode_json

UNHANDLED = "Internal error occurred. Our team has been notified."

_PACIFIC = timezone(timedelta(hours=-8), "PST")


ErrorItem = Mapping[str, Any]
"""One error in a request, in pydantic's form; `loc` begins with `body`, `query` or `path`."""


class InvalidRequestError(Exception):
    """A request that fails validation. The reply is a 422 with the list of errors."""

    def __init__(self, errors: Sequence[ErrorItem]) -> None:
        super().__init__("invalid request")
        self.errors = errors


def error_item(kind: str, loc: Sequence[str | int], msg: str, given: object, **ctx: object) -> ErrorItem:
    """An item of a 422. It has a `ctx` only if one is given."""
    item = {"type": kind, "loc": loc, "msg": msg, "input": given}
    return {**item, "ctx": ctx} if ctx else item


def json_reply(content: object, *, status_code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply: compact, UTF-8, null keys included."""
    return Response(encode_json(content), status_code=status_code, headers=headers, media_type="application/json")


def detail_reply(status_code: int, detail: object, *, headers: Mapping[str, str] | None = None) -> Response:
    """Shapes 1 and 2: `{"detail": "..."}` for a deliberate error, `{"detail": [...]}` for an invalid request."""
    return json_reply({"detail": detail}, status_code=status_code, headers=headers)


def unhandled_reply(_: Request, __: Exception) -> Response:
    """Shape 3: an unexpected exception."""
    body = {"error": UNHANDLED, "timestamp": timestamp(), "request_id": new_request_id()}
    return json_reply(body, status_code=500)


def too_many_requests_reply() -> Response:
    """Shape 4: more concurrent requests than the engine accepts."""
    return json_reply({"error": "Too many requests", "timestamp": timestamp()}, status_code=429)


def upstream_error(request_id: str) -> str:
    """The gateway's text for a model that failed. Clients may retry such a call."""
    return f"Upstream service error for request_id {request_id}"


def new_request_id() -> str:
    """A new id for a request."""
    return str(uuid.uuid4())


def timestamp() -> str:
    """The current time, in the gateway's format and time zone."""
    return datetime.now(_PACIFIC).strftime("%Y-%m-%d %H:%M:%S %Z")
