"""Every exception that this package raises on purpose.

* LLMEngineError
  - ConfigurationError           a setting is missing or makes no sense; also a ValueError
  - InvalidArgumentError         a call that no server could answer, refused before sending; also a ValueError
    + TrainingDataError          a file that is not fit for fine-tuning
  - APIConnectionError           no reply, or it broke off; also a ConnectionError
    + APITimeoutError            no reply in time; also a TimeoutError
  - APIStatusError               the server replied with an error status
    + BadRequestError            400
    + AuthenticationError        401
    + PermissionDeniedError      403
    + NotFoundError              404
    + ConflictError              409
    + GoneError                  410
    + ValidationError            422
    + RateLimitError             429
    + ServerError                5xx
  - StreamError                  the server reported an error inside a stream
  - StreamTruncatedError         a stream ended before it was finished
  - StreamClosedError            a stream was read outside its `with` block; also a RuntimeError
  - InvalidResponseError         a success status, but no valid reply
  - JobFailedError               a job that was waited for did not succeed
  - JobTimeoutError              a job that was waited for did not end in time; also a TimeoutError
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from .._shared.training_rows import Problem

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ConfigurationError",
    "ConflictError",
    "GoneError",
    "InvalidArgumentError",
    "InvalidResponseError",
    "JobFailedError",
    "JobTimeoutError",
    "LLMEngineError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ServerError",
    "StreamClosedError",
    "StreamError",
    "StreamTruncatedError",
    "TrainingDataError",
    "TrainingDataProblem",
    "ValidationError",
]

_SECRET_HEADERS = frozenset({"set-cookie", "authorization", "proxy-authorization", "x-api-key"})
_SNIPPET = 300


class LLMEngineError(Exception):
    """Base class of every error that this package raises on purpose.

    Attributes:
        message: What went wrong; the server's own words if it gave any.
        status_code: The HTTP status, if there was a reply.
        request_id: The gateway's id of the request, if the reply has one.
        body: The reply's body: decoded JSON, or its text if it is not JSON.
    """

    hint: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        request_id: str | None = None,
        body: object = None,
    ) -> None:
        message = message.encode("utf-8", "backslashreplace").decode()  # an unpaired surrogate could not be printed
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.request_id = request_id
        self.body = body

    def __str__(self) -> str:
        status = f"{self.status_code}: " if self.status_code else ""
        request = f" (request {self.request_id})" if self.request_id and self.request_id not in self.message else ""
        said = f"{status}{self.message}{request}"
        return f"{said.rstrip('.')}. {self.hint}" if self.hint else said


class ConfigurationError(LLMEngineError, ValueError):
    """A setting is missing or makes no sense."""


class InvalidArgumentError(LLMEngineError, ValueError):
    """A call that no server could answer. It was refused before anything was sent."""


@dataclass(frozen=True, slots=True)
class TrainingDataProblem(Problem):
    """One thing that is wrong with a training file.

    Attributes:
        message: What is wrong.
        row: Counted from 1, including a CSV file's header; None for a problem of the whole file.
        column: Its name; None for a problem of the whole row.
    """


class TrainingDataError(InvalidArgumentError):
    """A file that is not fit for fine-tuning.

    Attributes:
        problems: What is wrong with it, in the order of its rows; at most the first 50.
    """

    def __init__(self, filename: str, problems: Sequence[TrainingDataProblem]) -> None:
        shown = " ".join(str(problem) for problem in problems[:5])
        more = f" And {len(problems) - 5} more problems." if len(problems) > 5 else ""  # noqa: PLR2004 - enough to see
        super().__init__(f"{filename} is not fit for fine-tuning. {shown}{more}")
        self.filename = filename
        self.problems = list(problems)

    def __reduce__(self) -> tuple[type[TrainingDataError], tuple[str, list[TrainingDataProblem]]]:
        return type(self), (self.filename, self.problems)


class APIConnectionError(LLMEngineError, ConnectionError):
    """No reply arrived, or it was cut off.

    Attributes:
        sent: Whether any part of the request may have reached the server.
        text: The text of a stream that had arrived before it was cut off.
    """

    def __init__(self, message: str, *, sent: bool = True, text: str = "") -> None:
        super().__init__(message)
        self.sent = sent
        self.text = text


class APITimeoutError(APIConnectionError, TimeoutError):
    """No reply arrived in time."""


class APIStatusError(LLMEngineError):
    """The server replied with an error status.

    Attributes:
        headers: The reply's headers with lower-case names; cookies, and the query of a Location, are left out.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        request_id: str | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, status_code=status_code, request_id=request_id, body=body)
        found = {k.lower(): v for k, v in (headers or {}).items() if k.lower() not in _SECRET_HEADERS}
        self.headers = found | ({"location": bare(found["location"])} if "location" in found else {})


class BadRequestError(APIStatusError):
    """400: the server understood the request and refuses it."""


class AuthenticationError(APIStatusError):
    """401: the server did not accept the API key."""

    hint = "Set SCALE_API_KEY or pass api_key=."


class PermissionDeniedError(APIStatusError):
    """403: the key is valid but not allowed to do this."""


class NotFoundError(APIStatusError):
    """404: the model, file, job or route does not exist, or this key may not see it."""


class ConflictError(APIStatusError):
    """409: another operation on the same resource is in progress."""


class GoneError(APIStatusError):
    """410: the endpoint is retired (its `max_workers` is 0)."""


class ValidationError(APIStatusError):
    """422: a field is missing, of the wrong type, or out of range; the message names it."""

    @property
    def fields(self) -> list[str]:
        """The dotted names of the fields that the server refused, in its order."""
        return [_location(item) for item in _items(self.body)]


class RateLimitError(APIStatusError):
    """429: too many requests at once."""


class ServerError(APIStatusError):
    """5xx: the gateway, or the model server behind it, failed."""


class StreamError(LLMEngineError):
    """The server reported an error inside a stream. `status_code` is the status in that report.

    Attributes:
        text: The text that had arrived before.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        request_id: str | None = None,
        body: object = None,
        text: str = "",
    ) -> None:
        super().__init__(message, status_code=status_code, request_id=request_id, body=body)
        self.text = text


class StreamTruncatedError(LLMEngineError):
    """A stream ended before the server said that it was finished.

    Attributes:
        text: The text that had arrived.
    """

    def __init__(self, message: str, *, request_id: str | None = None, text: str = "") -> None:
        super().__init__(message, request_id=request_id)
        self.text = text


class StreamClosedError(LLMEngineError, RuntimeError):
    """A stream was read outside its `with` block, or after an error or a cancelled read, so that its remaining events cannot come.

    Attributes:
        text: The text that had arrived before.
    """

    def __init__(self, message: str, *, text: str = "") -> None:
        super().__init__(message)
        self.text = text


class InvalidResponseError(LLMEngineError):
    """The status says success, but the body is not a valid reply. Often it is a proxy's page instead of the gateway's answer."""


class JobFailedError(LLMEngineError):
    """A job that was waited for ended without success.

    Attributes:
        job: The latest state of the job.
        events: Its last events, oldest first.
    """

    def __init__(self, message: str, *, job: object = None, events: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.job = job
        self.events = list(events)


class JobTimeoutError(LLMEngineError, TimeoutError):
    """A job or an endpoint that was waited for was not ready in time. It keeps running.

    Attributes:
        job: The latest state of the job or endpoint.
    """

    def __init__(self, message: str, *, job: object = None) -> None:
        super().__init__(message)
        self.job = job


_BY_STATUS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    422: ValidationError,
    429: RateLimitError,
}


def from_reply(status: int, headers: Mapping[str, str], content: bytes) -> APIStatusError:
    """Return the error for a reply with an error status.

    The gateway has four forms of error bodies (a string detail, a list of validation errors, an unhandled exception, its rate limiter).
    Proxies in front of it have others. The text of all of them is kept.
    """
    body = decode(content)
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else APIStatusError)  # noqa: PLR2004 - HTTP's own classes
    return kind(
        message_of(body, headers) or f"The server replied with status {status} and no explanation.",
        status_code=status,
        request_id=request_id_of(body),
        body=body,
        headers=headers,
    )


def request_id_of(body: object) -> str | None:
    """Return the request id in a decoded body, if any."""
    found = mapping(body).get("request_id")
    if isinstance(found, str):
        return found
    detail = mapping(body).get("detail")
    marker = "request_id"
    if isinstance(detail, str) and marker in detail:  # "Upstream service error for request_id <uuid>"
        words = detail.partition(marker)[2].lstrip(": ").split()
        return words[0].rstrip(".,") if words else None
    return None


def decode(content: bytes) -> object:
    """Return a body's JSON value, or its text if it is not JSON."""
    try:
        return cast("object", json.loads(content))
    except (ValueError, RecursionError):  # the latter for thousands of nested brackets
        return content.decode("utf-8", "replace")


def mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is a mapping; an empty one otherwise."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _items(body: object) -> list[Mapping[str, Any]]:
    detail = mapping(body).get("detail")
    return [mapping(item) for item in cast("list[object]", detail)] if isinstance(detail, list) else []


def _location(item: Mapping[str, Any]) -> str:
    location = item.get("loc")
    parts = cast("list[object]", location) if isinstance(location, list) else []
    named = parts[1:] if parts and parts[0] in {"body", "query", "path"} else parts
    return ".".join(str(part) for part in (named or parts))


def message_of(body: object, headers: Mapping[str, str] | None = None) -> str:
    """Return the message in a decoded body of any form; empty if there is none."""
    if any(items := _items(body)):
        return "; ".join(_validation_message(item) for item in items)
    if isinstance(body, str):
        redirect = next((v for k, v in (headers or {}).items() if k.lower() == "location"), "")
        return f"The server redirects to {bare(redirect)}." if redirect else " ".join(body.split())[:_SNIPPET]
    found: object = body
    for key in ("detail", "error", "message"):
        found = mapping(found).get(key, found)
    if isinstance(found, str):
        return found
    return json.dumps(found)[:_SNIPPET] if found else ""


def bare(url: str) -> str:
    """Return a URL without its query and userinfo, which may be secrets."""
    start, slashes, rest = url.partition("?")[0].partition("#")[0].partition("//")
    host, slash, path = rest.partition("/")
    return f"{start}{slashes}{host.rpartition('@')[2]}{slash}{path}"


def _validation_message(item: Mapping[str, Any]) -> str:
    message, given = str(item.get("msg", item)), item.get("input")
    shown = f" (got {given!r})" if isinstance(given, int | float) else ""
    where = _location(item)
    return f"{where}: {message}{shown}" if where else message
