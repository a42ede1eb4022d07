"""The common part of both transports: building, parsing, retrying, decoding and explaining. No I/O happens here."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .._timeouts import Timeout
from ..errors import APIConnectionError, InvalidResponseError, LLMEngineError
from ..streams.sse import SSEDecoder
from . import retry as _retry
from .backend import Outgoing

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .._operation import Operation, Request, StreamOperation
    from .._settings import Settings
    from .backend import AsyncIncomingReply, IncomingReply

T = TypeVar("T")
ReplyT = TypeVar("ReplyT", bound="BaseModel")

_log = logging.getLogger("llmengine_integrations")


class BaseTransport:
    """The common part of both transports, without I/O."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def outgoing(self, request: Request) -> Outgoing:
        """Return what a backend sends.

        Raises:
            ConfigurationError: The key would be sent unencrypted.
        """
        self.settings.check_encrypted()
        timeouts = self.settings.timeouts if request.timeout is None else Timeout.of(request.timeout)
        return Outgoing(
            method=request.method,
            url=self.settings.base_url + request.target,
            headers={**self.settings.headers, **request.content_headers},
            content=request.content,
            timeouts=timeouts.capped(request.at_most).until(request.deadline),
            deadline=request.deadline,
        )

    def with_deadline(self, request: Request) -> Request:
        """Return the request with the deadline that its timeout's `total` sets, if it has one."""
        timeouts = self.settings.timeouts if request.timeout is None else Timeout.of(request.timeout)
        total = timeouts.capped(request.at_most).total
        return request if total is None else replace(request, deadline=time.monotonic() + total)

    def proxy(self, url: str) -> str | None:
        """Return the proxy that the environment defines for another host's URL, if any."""
        return replace(self.settings, base_url=url).proxy()

    def retries(self, request: Request, error: LLMEngineError) -> bool:
        """Return whether to try again after a first failure."""
        if self.settings.max_retries and _retry.is_retryable(error, request):
            return True
        self.explain(error)
        return False

    def policy(self, request: Request) -> _retry.Policy:
        """Return how tenacity retries a request."""
        return _retry.policy(request, self.settings.max_retries)

    def broken_off(self, error: APIConnectionError, decoding: Decoding[Any]) -> None:
        """Add the text that had arrived to a connection error inside a stream."""
        error.text = decoding.reader.text
        self.explain(error)

    def explain(self, error: LLMEngineError) -> None:
        """Add to a connection error which address was tried, and what to do about it."""
        if not isinstance(error, APIConnectionError) or self.settings.base_url in error.message:
            return
        error.message = f"{error.message.rstrip('.')} ({self.settings.base_url})."
        if not error.sent:
            advice = (
                "Start the embedded engine with `llmengine serve`, or set LLM_ENGINE_BASE_PATH to a running one."
                if self.settings.loopback
                else "Check base_url (LLM_ENGINE_BASE_PATH), the network and the proxy settings."
            )
            error.message = f"Cannot reach LLM Engine: {error.message} {advice}"
        error.args = (error.message,)


class Decoding(Generic[T]):
    """The state of a stream between its chunks."""

    def __init__(self, operation: StreamOperation[T], status: int) -> None:
        self.decoder = SSEDecoder()
        self.reader = operation.reader()
        self.status = status

    def events(self, chunk: bytes) -> Iterator[T]:
        """Yield the events that a chunk completes, one by one, so that an error event comes after those before it."""
        read = self.reader.feed
        try:
            for data in self.decoder.feed(chunk):
                if (event := read(data)) is not None:
                    yield event
        except InvalidResponseError as error:
            error.status_code = self.status
            raise

    def first(self, chunk: bytes) -> Iterator[T] | None:
        """Return the events that a chunk completes, if any. The first one is read here, so that its error is raised here."""
        events = self.events(chunk)
        for event in events:
            return chain((event,), events)
        return None


def check_stream(reply: IncomingReply | AsyncIncomingReply) -> None:
    """Refuse a reply that is not a stream of events, such as a proxy's page."""
    kind = reply.headers.get("content-type", "text/event-stream")
    if "event-stream" not in kind.lower():
        raise InvalidResponseError(f"The server answered a stream with {kind}.", status_code=reply.status)


def parsed(operation: Operation[ReplyT], status: int, content: bytes) -> ReplyT:
    """Return the typed reply. The error for an invalid one has the status."""
    try:
        return operation.parse(content)
    except InvalidResponseError as error:
        error.status_code = status
        raise


def is_success(status: int) -> bool:
    """Return whether a status means success."""
    return 200 <= status < 300  # noqa: PLR2004 - HTTP's own classes


def log_request(request: Request, status: int, started: float) -> None:
    """Log a reply: the route, never the query or the body."""
    if _log.isEnabledFor(logging.DEBUG):
        _log.debug("%s %s -> %d in %.3f s", request.method, request.path, status, time.perf_counter() - started)


def again(first: Exception, attempt: Callable[[], T]) -> Callable[[], T]:
    """Return `attempt` as tenacity's function, with the failure that has already happened as its first try.

    So a call that succeeds at once has no cost from tenacity.
    """
    failed = [first]

    def call() -> T:
        if failed:
            raise failed.pop()
        return attempt()

    return call
