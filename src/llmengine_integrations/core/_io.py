"""The edge between the drivers and the network: what a backend takes and gives.

`_http.py` and `_aiohttp.py` implement it. A backend maps every error of its library to `APIConnectionError` or `APITimeoutError`, follows
no redirect, tries nothing twice and adds no header but those of the connection.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from ._timeouts import Timeouts


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request, ready to be sent."""

    method: str
    url: str
    """Absolute and encoded; sent as it is."""
    headers: Mapping[str, str]
    content: bytes | None
    timeouts: Timeouts


class Incoming(Protocol):
    """A reply whose headers have arrived. Must be closed."""

    status: int
    headers: Mapping[str, str]

    def read(self) -> bytes:
        """The whole body."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """The body as it arrives."""
        ...

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else drop it."""
        ...


class AsyncIncoming(Protocol):
    """`Incoming`, awaited."""

    status: int
    headers: Mapping[str, str]

    async def read(self) -> bytes:
        """The whole body."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        ...

    async def close(self) -> None:
        """Give the connection back if the body was read to its end, else drop it."""
        ...


class Backend(Protocol):
    """Sends requests, blocking."""

    def send(self, outgoing: Outgoing) -> Incoming:
        """Send it and wait for the reply's headers."""
        ...

    def close(self) -> None:
        """Close every connection of ours."""
        ...


class AsyncBackend(Protocol):
    """Sends requests on the running event loop."""

    async def send(self, outgoing: Outgoing) -> AsyncIncoming:
        """Send it and wait for the reply's headers."""
        ...

    async def close(self) -> None:
        """Close every connection of ours on this loop."""
        ...
