"""aiohttp's pool, and its protocol of one connection, without four faults and two costs of its own.

Imported when the first session opens, as aiohttp is. What is overridden here has no public API. If another version of aiohttp names it
differently, opening a session fails with a `ConfigurationError`; docs/private-internals.md lists the names.
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
"""Statuses below it announce a reply; they are not the reply itself."""


class Connector(TCPConnector):
    """A pool that never warns that it is unclosed: `LoopSession` closes it, or its loop is gone, so that it cannot be closed in order."""

    state: State

    @property
    @override
    def closed(self) -> bool:
        return self.state.gone or super().closed

    @override
    def _release(self, *connection: Any, **how: Any) -> None:
        if not self.closed:  # of a reply that is collected after its loop, whose transport cannot be closed any more
            super()._release(*connection, **how)

    @override
    def __del__(self, _warnings: Any = None) -> None:
        pass


class Protocol(ResponseHandler):
    """One connection.

    * The wait for the next bytes has one timer a connection, which looks at the clock when it rings; aiohttp sets one anew for each request
      and each chunk, and with a thousand of them the event loop's heap of timers costs more than the parser.
    * The wait goes on after an interim reply (100, 103), where aiohttp forgets it and may wait for ever.
    * A chunk that is taken from the buffer wakes the parser only if it had been paused.
    * A reply that arrives unasked while the connection is idle is never taken for the reply to the next request.
    * A body that ends with its connection is whole only if that was closed in order: aiohttp takes a reset for its end as well.
    * The reader of a body learns at once that a chunk of it is invalid; with aiohttp it may wait for ever.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, transports: WeakSet[asyncio.Transport]) -> None:
        super().__init__(loop)
        self._transports = transports

    _interim = False
    _until: float | None = None
    """When the next bytes must be there, on the loop's clock; None while nobody waits for them."""
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
    def resume_reading(self, *args: Any, **kwargs: Any) -> None:  # it takes more in newer versions
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
        """Let the reader of an unfinished body know that the connection did not end in order."""
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
