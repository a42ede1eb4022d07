"""Limits on the heads of requests, which come before the key: uvicorn over httptools takes any number of bytes, in any time."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

_LONGEST = 128 * 1024  # bytes
_PATIENCE = 30.0  # seconds until the first request of a connection must have begun


class _Limits(asyncio.Protocol):
    """Goes in front of a protocol of uvicorn's."""

    _taken = 0  # bytes of the head that is coming
    _in_head = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._timer = asyncio.get_running_loop().call_later(_PATIENCE, self._give_up, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._taken += len(data)
            if self._taken > _LONGEST:
                cast("Any", self).send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        """The first bytes of a head have come: httptools says so; h11 has limits of its own."""
        self._taken, self._in_head = 0, True
        cast("Any", super()).on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._in_head = False
        cast("Any", super()).on_headers_complete()

    def _give_up(self, transport: asyncio.BaseTransport) -> None:
        if cast("Any", self).cycle is None:
            transport.close()


BoundedProtocol = cast("type[asyncio.Protocol]", type("BoundedProtocol", (_Limits, AutoHTTPProtocol), {}))
"""What the engine's server speaks."""
