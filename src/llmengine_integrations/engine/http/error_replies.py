"""The bodies of replies that are not the answer asked for: the gateway's four error shapes."""

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
"""One thing that is wrong with a request, as pydantic words it; `loc` begins with `body`, `query` or `path`."""


class InvalidRequestError(Exception):
    """A request that validation refuses: a 422 with the list of what is wrong."""

    def __init__(self, errors: Sequence[ErrorItem]) -> None:
        super().__init__("invalid request")
        self.errors = errors


def error_item(kind: str, loc: Sequence[str | int], msg: str, given: object, **ctx: object) -> ErrorItem:
    """An item of a 422; `ctx` only where there is any."""
    item = {"type": kind, "loc": loc, "msg": msg, "input": given}
    return {**item, "ctx": ctx} if ctx else item


def json_reply(content: object, *, status_code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply: compact, UTF-8, null keys included."""
    return Response(encode_json(content), status_code=status_code, headers=headers, media_type="application/json")


def detail_reply(status_code: int, detail: object, *, headers: Mapping[str, str] | None = None) -> Response:
    """Shapes 1 and 2: `{"detail": "..."}` for a deliberate error, `{"detail": [...]}` for a request that is not valid."""
    return json_reply({"detail": detail}, status_code=status_code, headers=headers)


def unhandled_reply(_: Request, __: Exception) -> Response:
    """Shape 3: an exception that nobody expected."""
    body = {"error": UNHANDLED, "timestamp": timestamp(), "request_id": new_request_id()}
    return json_reply(body, status_code=500)


def too_many_requests_reply() -> Response:
    """Shape 4: more requests at a time than the engine takes."""
    return json_reply({"error": "Too many requests", "timestamp": timestamp()}, status_code=429)


def upstream_error(request_id: str) -> str:
    """The gateway's text for a model that failed; clients may try such a call again."""
    return f"Upstream service error for request_id {request_id}"


def new_request_id() -> str:
    """A fresh id for a request."""
    return str(uuid.uuid4())


def timestamp() -> str:
    """Now, in the gateway's form and time zone."""
    return datetime.now(_PACIFIC).strftime("%Y-%m-%d %H:%M:%S %Z")
