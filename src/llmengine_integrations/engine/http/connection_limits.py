"""Limits on what comes before and around bodies, and so before the key: uvicorn over httptools takes any number of bytes, in any time."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

_LONGEST = 128 * 1024  # bytes of a head, and of what follows a body that comes in chunks
_PATIENCE = 30.0  # seconds until the head of a request must have come
_SLOWEST = 1024.0  # bytes a second of a body that nobody waits for any more, since the request has been answered


class _Limits(asyncio.Protocol):
    """Goes in front of a protocol of uvicorn's. httptools tells it of the parts of a request; h11 does not, and has limits of its own."""

    _taken = 0  # bytes of the request since the last that was body
    _of_body = 0  # bytes of bodies, since the watch began
    _in_request = False
    _watch: asyncio.TimerHandle | None = None  # until a head must be there

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
        """The first bytes of a head have come."""
        self._taken, self._in_request = 0, True
        cast("Any", super()).on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._end_watch()
        cast("Any", super()).on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body has come."""
        self._of_body += len(body)
        cast("Any", super()).on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._in_request = False
        cast("Any", super()).on_message_complete()

    def _is_idle(self) -> bool:
        """Whether no request is being answered. Its body may still be on its way."""
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
"""What the engine's server speaks."""
