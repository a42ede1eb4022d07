"""What to send and how to read the reply, as plain values. No I/O happens here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from urllib.parse import quote

from pydantic_core import PydanticSerializationError, ValidationError, to_json

from .._shared.did_you_mean import unexpected
from ._foreign_errors import fail
from ._timeouts import TimeoutLike
from .errors import InvalidArgumentError, InvalidResponseError
from .uploads.multipart import Multipart

if TYPE_CHECKING:
    from pydantic import BaseModel

ReplyT = TypeVar("ReplyT", bound="BaseModel")
T = TypeVar("T")
EventT_co = TypeVar("EventT_co", covariant=True)

_SNIPPET = 200
_QUERY = re.compile(r"(https?:[^\s\"'?]{1,2000})\?[^\s\"']*")
"""The query of a URL, which may have a signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request below the base URL.

    `repeatable` says whether it may be sent again after it may have reached the server. That is true of reads and of inference, and false
    of requests that create something (the gateway starts batch jobs before it fails to answer). `again_after_timeout` says whether that
    includes a request whose reply did not come in time. `at_most` limits the timeout, in seconds, whatever its source, so that a wait with
    a deadline does not wait longer for one reply. The transport sets `deadline` when it begins: the time on its clock by which the reply
    must be complete, including all retries.
    """

    method: str
    path: str
    query: Mapping[str, str] | None = field(default=None, repr=False)
    json: object = field(default=None, repr=False)
    form: Multipart | None = None
    repeatable: bool = True
    again_after_timeout: bool = True
    timeout: TimeoutLike | None = None
    at_most: float | None = None
    deadline: float | None = None

    @property
    def target(self) -> str:
        """The path with its query, encoded."""
        if not self.query:
            return self.path
        return f"{self.path}?" + "&".join(f"{quote(k, safe='')}={encoded(v, k)}" for k, v in self.query.items())

    @property
    def content(self) -> bytes | Multipart | None:
        """The body: its bytes, or the form that makes them while they are sent."""
        if self.form is not None:
            return self.form
        return None if self.json is None else _encoded(self.json)

    @property
    def content_headers(self) -> dict[str, str]:
        """The headers that go with the body."""
        if self.form is not None:
            return self.form.headers
        return {} if self.json is None else {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Operation(Generic[ReplyT]):
    """One request with one reply of type `returns`."""

    request: Request
    returns: type[ReplyT]

    def parse(self, content: bytes) -> ReplyT:
        """Read the body of a successful reply.

        Raises:
            InvalidResponseError: It is not what the route replies.
        """
        return parse(self.returns, content)


class StreamReader(Protocol[EventT_co]):
    """Turns the data of server-sent events into typed events. Each stream has a new one. It does no I/O."""

    def feed(self, data: bytes) -> EventT_co | None:
        """Read one event's data. Return None for an event without content; raise the error that an error event reports."""
        ...

    def end(self) -> None:
        """Handle the orderly end of the connection: raise `StreamTruncatedError` unless the stream was finished."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the server has said that the stream is finished."""
        ...

    @property
    def text(self) -> str:
        """The text so far."""
        ...


@dataclass(frozen=True, slots=True)
class StreamOperation(Generic[T]):
    """One request answered by server-sent events."""

    request: Request
    reader: Callable[[], StreamReader[T]]


def _encoded(body: object) -> bytes:
    try:
        return to_json(body)
    except PydanticSerializationError:  # an unpaired surrogate, which is not text: the server refuses it
        return json.dumps(body).encode()


def parse(kind: type[ReplyT], content: bytes) -> ReplyT:
    """Read JSON bytes as `kind`, or raise `InvalidResponseError` with a snippet of them."""
    try:
        # Pydantic's method around it checks options that are not used here.
        return kind.__pydantic_validator__.validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        text = _QUERY.sub(r"\1?...", content.decode("utf-8", "replace"))
        snippet = text[:_SNIPPET]
        message = (
            f"The reply is not a valid {kind.__name__} ({f'{where}: ' if where else ''}{first['msg']}): {snippet!r}"
        )
        fail(InvalidResponseError(message, body=text), error)


def path_segment(value: str, what: str) -> str:
    """Encode a name for use inside a path.

    Raises:
        InvalidArgumentError: The gateway could never match it, or it would refer to another route.
    """
    if not value:
        raise InvalidArgumentError(f"The {what} is empty; the request would reach another route.")
    if "/" in value:
        raise InvalidArgumentError(
            f"The {what} {value!r} contains a slash: the gateway's routes cannot match it, encoded or not."
        )
    if value in {".", ".."}:
        raise InvalidArgumentError(f"The {what} {value!r} would name another route.")
    return encoded(value, what)


def encoded(value: str, what: str) -> str:
    """Encode a text for a URL, including every character that could end its part of the URL.

    Raises:
        InvalidArgumentError: It contains an unpaired surrogate, which cannot be encoded as UTF-8.
    """
    try:
        return quote(value, safe="")
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(
            f"The {what} {value!r} contains an unpaired surrogate, which cannot be sent."
        ) from error


def set_options(options: Mapping[str, Any], known: type[Any], *also: str) -> dict[str, Any]:
    """Return the options that are set, checked against the names of a `TypedDict`. `also` are other names to suggest.

    Raises:
        TypeError: One of them is unknown, as Python itself raises for a misspelt keyword argument.
    """
    names: Mapping[str, Any] = known.__annotations__
    for name in options:
        if name not in names:
            raise unexpected(name, [*names, *also])
    return {name: value for name, value in options.items() if value is not None}
