"""Limits on the size and duration of request heads and trailers.

They arrive before the key is checked, and uvicorn with httptools limits neither their size nor their duration.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

_LONGEST = 128 * 1024  # bytes of a head, and of the trailers after a chunked body
_PATIENCE = 30.0  # seconds within which the head of a request must arrive
_SLOWEST = 1024.0  # minimum bytes per second for the rest of a body whose request has already been answered


class _Limits(asyncio.Protocol):
    """A mixin for uvicorn's HTTP protocol. httptools calls its hooks for the parts of a request; h11 does not, but has its own limits."""

    _taken = 0  # bytes of the request since the last body byte
    _of_body = 0  # body bytes since the watch began
    _in_request = False
    _watch: asyncio.TimerHandle | None = None  # fires when a head is overdue

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._begin_watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_watch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._of_body
        super().data_received(data)
        if self._in_request:
            self._taken = 0 if self._of_body > before else self._taken + len(data)
            if self._taken > _LONGEST:
                cast("Any", self).send_400_response("The head of the request is too long.")
        if self._watch is None and self._is_idle():
            self._begin_watch()

    def on_message_begin(self) -> None:
        """The first bytes of a head have arrived."""
        self._taken, self._in_request = 0, True
        cast("Any", super()).on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is complete."""
        self._end_watch()
        cast("Any", super()).on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body has arrived."""
        self._of_body += len(body)
        cast("Any", super()).on_body(body)

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._in_request = False
        cast("Any", super()).on_message_complete()

    def _is_idle(self) -> bool:
        """Whether no request is being answered. The rest of an answered request's body may still be arriving."""
        cycle = cast("Any", self).cycle
        return cycle is None or cycle.response_complete

    def _begin_watch(self) -> None:
        self._of_body = 0
        self._watch = asyncio.get_running_loop().call_later(_PATIENCE, self._look)

    def _end_watch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _look(self) -> None:
        self._watch = None
        if self._is_idle():
            if self._of_body < _SLOWEST * _PATIENCE:
                cast("Any", self).transport.close()
            else:
                self._begin_watch()


_HOOKS = ("on_message_begin", "on_headers_complete", "on_body", "on_message_complete")
if AutoHTTPProtocol.__name__ != "H11Protocol" and not all(hasattr(AutoHTTPProtocol, name) for name in _HOOKS):
    raise ImportError(
        "This version of uvicorn is not supported: its HTTP protocol does not call the hooks that limit requests."
    )

BoundedProtocol = cast("type[asyncio.Protocol]", type("BoundedProtocol", (_Limits, AutoHTTPProtocol), {}))
"""The HTTP protocol class of the engine's server."""
