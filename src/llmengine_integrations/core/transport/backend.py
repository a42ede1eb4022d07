"""The interface between the transports and the network: what a backend accepts and returns.

`httpx_backend/` and `aiohttp_backend/` implement it. A backend maps every error of its library to `APIConnectionError` or
`APITimeoutError`, follows no redirects, retries nothing, and adds no headers except those of the connection.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from .._timeouts import Timeout
from ..uploads.multipart import Multipart


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request, ready to be sent."""

    method: str
    url: str = field(repr=False)
    """Absolute, encoded, and sent unchanged. May be presigned."""
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | Multipart | None = field(repr=False)
    timeouts: Timeout
    deadline: float | None = None
    """The time by which the whole reply must have arrived, on `time.monotonic`'s clock."""

    def body(self) -> bytes | Multipart | None:
        """Return the body, in one piece if it is a small form."""
        content = self.content
        return b"".join(content.chunks()) if isinstance(content, Multipart) and content.small else content


class IncomingReply(Protocol):
    """A reply whose headers have arrived. Must be closed."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it arrives."""
        ...

    def read_up_to(self, limit: int) -> bytes:
        """Return the body, until it has more than `limit` bytes."""
        ...

    def close(self) -> None:
        """Return the connection to the pool if the body was read to its end, else drop it."""
        ...


class AsyncIncomingReply(Protocol):
    """The async version of `IncomingReply`."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives."""
        ...

    async def read_up_to(self, limit: int) -> bytes:
        """Return the body, until it has more than `limit` bytes."""
        ...

    async def close(self) -> None:
        """Return the connection to the pool if the body was read to its end, else drop it."""
        ...


class Backend(Protocol):
    """Sends requests, blocking."""

    def send(self, outgoing: Outgoing) -> IncomingReply:
        """Send a request and wait for the reply's headers."""
        ...

    def for_other_hosts(self, proxy: str | None) -> Backend:
        """Return a backend for hosts other than the gateway: with the user's network settings, but nothing that identifies the user."""
        ...

    def close(self) -> None:
        """Close all connections of this backend."""
        ...


class AsyncBackend(Protocol):
    """Sends requests on the running event loop."""

    async def send(self, outgoing: Outgoing) -> AsyncIncomingReply:
        """Send a request and wait for the reply's headers."""
        ...

    def for_other_hosts(self, proxy: str | None) -> AsyncBackend:
        """Return a backend for hosts other than the gateway: with the user's network settings, but nothing that identifies the user."""
        ...

    async def close(self) -> None:
        """Close all connections of this backend on this loop."""
        ...


CUT_OFF = "The connection ended before the reply was complete."
INVALID_URL = "The URL is not valid."
NO_REPLY = "The server closed the connection without a reply."

IDLE = 4.0
"""Seconds that an unused connection is kept. Servers based on uvicorn close theirs after 5, and data sent at that moment is lost."""

KEEPALIVE = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)] + [
    (socket.IPPROTO_TCP, getattr(socket, name), seconds)
    for name, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPALIVE", 60), ("TCP_KEEPINTVL", 30))
    if hasattr(socket, name)  # macOS says TCP_KEEPALIVE where Linux says TCP_KEEPIDLE
]
"""Socket options. A cold model leaves a connection silent for minutes, and routers would drop it."""
