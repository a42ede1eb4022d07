"""An aiohttp session of one event loop, closed whatever becomes of the loop or of the client."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import finalize

import httpx

from ._io import IDLE, KEEPALIVE

if TYPE_CHECKING:
    import aiohttp

_MAX_CONNECTIONS = 1000  # below the usual limit of 1024 open files; what is above waits


class LoopSession:
    """A session, and the ways in which it ends: with its client, with its loop, or when its client is collected.

    Args:
        owner: The client's backend. When it is collected before it was closed, the session is closed on its loop.
        forget: Called when the session ends in another way; must not keep the owner alive.
        secure: Whether to make the certificates ready.
    """

    def __init__(self, owner: object, forget: Callable[[], object], *, secure: bool) -> None:
        self.session = _open_session(secure=secure)
        self._loop = asyncio.get_running_loop()
        self._forget = forget
        self._closing: asyncio.Task[None] | None = None
        self._lifeline = self._live()
        # The registry of finalizers holds the session, so that the collector cannot take it before it is closed.
        self._abandoned = finalize(owner, self._close_soon)
        self._abandoned.atexit = False

    async def start(self) -> None:
        """Let the event loop close it when the loop shuts down."""
        await anext(self._lifeline)

    async def close(self) -> None:
        """Close the session's connections."""
        await self._lifeline.aclose()

    async def _live(self) -> AsyncGenerator[None]:
        """Closes the session when it is closed itself, which the event loop does with every async generator when it shuts down.

        So a client that nobody closed leaves no open connection behind when `asyncio.run` ends, and holds no ended loop.
        """
        try:
            yield
        finally:
            self._abandoned.detach()
            self._forget()
            if self._closing not in (None, asyncio.current_task()):
                await asyncio.wait([self._closing])
            await self.session.close()

    def _close_soon(self) -> None:
        """Called in whatever thread collects the client."""
        with suppress(RuntimeError):  # the loop is closed, and the session with it
            self._loop.call_soon_threadsafe(self._close_now)

    def _close_now(self) -> None:
        # A task of its own, for which the generator waits if the loop shuts down meanwhile: nothing waits for a task that the
        # loop makes for a generator.
        if not self.session.closed:
            self._closing = self._loop.create_task(self._close_alone())

    async def _close_alone(self) -> None:
        await self.session.close()
        with suppress(RuntimeError):  # the loop is closing the generator already
            await self._lifeline.aclose()


def _open_session(*, secure: bool) -> aiohttp.ClientSession:
    import aiohttp  # noqa: PLC0415 - importing it costs as much as httpx and pydantic together
    from aiohttp.client_proto import ResponseHandler  # noqa: PLC0415 - as above

    from ._aiohttp_protocol import Protocol  # noqa: PLC0415 - as above

    connector = aiohttp.TCPConnector(
        limit=_MAX_CONNECTIONS,
        keepalive_timeout=IDLE,
        ssl=httpx.create_ssl_context() if secure else True,
        socket_factory=_socket,
    )
    connector._factory = partial[ResponseHandler](Protocol, loop=asyncio.get_running_loop())  # noqa: SLF001 - as below
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # `_codings.py` does it
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
    )
    # aiohttp would send GET, PUT and DELETE again by itself: nobody else's retries hide under ours. There is no public switch.
    session._retry_connection = False  # noqa: SLF001
    return session


def _socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, *_ = address
    opened = socket.socket(family, kind, protocol)
    for option in KEEPALIVE:
        opened.setsockopt(*option)
    return opened
