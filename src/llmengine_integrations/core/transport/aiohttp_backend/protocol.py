"""aiohttp's connection pool, and its protocol for one connection, without four of its faults and two of its costs.

Imported when the first session opens, like aiohttp. The overridden names have no public API. If another version of aiohttp uses different
names, opening a session fails with a `ConfigurationError`; docs/private-internals.md lists the names.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from aiohttp import ClientPayloadError, TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import set_exception
from aiohttp.http_exceptions import HttpProcessingError
from typing_extensions import override

from ..private_names import require_overridden
from ..tls_closure import closed_in_order

if TYPE_CHECKING:
    from .session import State

_FINAL = 200
"""Statuses below this announce a reply; they are not the reply itself."""


class Connector(TCPConnector):
    """A pool that never warns that it is unclosed: `LoopSession` closes it, or its loop is gone and an orderly close is impossible."""

    state: State

    @property
    @override
    def closed(self) -> bool:
        return self.state.gone or super().closed

    @override
    def _release(self, *connection: Any, **how: Any) -> None:
        if not self.closed:  # a reply was collected after its loop, and its transport cannot be closed
            super()._release(*connection, **how)

    @override
    def __del__(self, _warnings: Any = None) -> None:
        pass


class Protocol(ResponseHandler):
    """One connection.

    * The wait for the next bytes has one timer per connection, which checks the clock when it fires. aiohttp sets a new one for each
      request and each chunk, and with a thousand connections the event loop's heap of timers costs more than the parser.
    * The wait continues after an interim reply (100, 103). aiohttp drops its timer then, and may wait forever.
    * A chunk that is taken from the buffer wakes the parser only if it was paused.
    * A reply that arrives unasked while the connection is idle is never used as the reply to the next request.
    * A body that ends with its connection is complete only if the connection was closed in order. aiohttp accepts a reset as its end too.
    * The reader of a body learns at once that a chunk of it is invalid; with aiohttp it may wait forever.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, transports: WeakSet[asyncio.Transport]) -> None:
        super().__init__(loop)
        self._transports = transports

    _interim = False
    _until: float | None = None
    """The time by which the next bytes must arrive, on the loop's clock; None if nothing waits for them."""
    _timer: asyncio.TimerHandle | None = None

    @override
    def _reschedule_timeout(self) -> None:
        if not self.read_timeout:
            self._until = None
            return
        self._until = until = self._loop.time() + self.read_timeout
        if self._timer is None or self._timer.when() > until:
            self._ring(until)

    @override
    def _drop_timeout(self) -> None:
        self._until = None
        if self._interim:
            self.start_timeout()

    @override
    def feed_data(self, data: Any, size: int = 0) -> None:
        self._interim = data[0].code < _FINAL
        super().feed_data(data, size)

    @override
    def is_connected(self) -> bool:
        return not self.should_close and super().is_connected()

    @override
    def resume_reading(self, *args: Any, **kwargs: Any) -> None:  # newer versions have more parameters
        if self._reading_paused:
            super().resume_reading(*args, **kwargs)

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if isinstance(transport, asyncio.Transport):
            self._transports.add(transport)

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        self._interim = False
        self._break(exc)
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()

    @override
    def set_exception(self, exc: BaseException, *cause: Any, **by_name: Any) -> None:
        super().set_exception(exc, *cause, **by_name)
        body = self._payload
        if isinstance(exc, HttpProcessingError) and body is not None and not body.is_eof():
            set_exception(body, ClientPayloadError("The reply is not valid HTTP."), exc)

    def _break(self, exc: BaseException | None) -> None:
        """Tell the reader of an unfinished body that the connection did not end in order."""
        body, transport = self._payload, self.transport
        if body is None or body.is_eof():
            return
        if exc is None and (transport is None or closed_in_order(transport.get_extra_info("ssl_object"))):
            return
        set_exception(body, ClientPayloadError("The connection broke off."), exc or EOFError())

    def _ring(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timer, until = None, self._until
        if until is None:
            return
        if until > self._loop.time():
            self._ring(until)
        else:
            self._on_read_timeout()


require_overridden(Connector, "closed", "_release")
require_overridden(
    Protocol,
    "_reschedule_timeout",
    "_drop_timeout",
    "feed_data",
    "is_connected",
    "resume_reading",
    "connection_made",
    "connection_lost",
    "set_exception",
)
