"""One aiohttp session per event loop, closed even if the loop or the client is dropped."""

from __future__ import annotations

import asyncio
import atexit
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, finalize, ref

import httpx

from ..._loading import loading
from ..backend import IDLE, KEEPALIVE
from ..private_names import replace_private

if TYPE_CHECKING:
    import ssl

    import aiohttp

_MAX_CONNECTIONS = 1000  # below the usual limit of 1024 open files; what is above waits
_NEVER = 10 * 365 * 24 * 3600.0
"""Seconds after which the timer that holds a session would ring."""
_LIVE: WeakSet[LoopSession] = WeakSet()


class State:
    """How far a session has come. It knows neither session nor loop, so that whoever holds it keeps neither alive."""

    gone = False
    """Whether nobody can use the session any more, be it closed or about to be collected."""
    closed = False
    """Whether its connections are closed."""
    closing: asyncio.Task[None] | None = None
    """What closes it because its client was collected."""


class LoopSession:
    """A session, and the ways in which it ends.

    * Its client closes it.
    * Its client is collected. It is then closed on its loop.
    * Its loop shuts down its async generators, as `asyncio.run` does.
    * Its loop is closed without that, as after `run_until_complete`. The loop then drops its timers, and one of them holds this object.
    * Its loop is collected, or the interpreter ends.

    The loop holds the session, and the client does not: so a loop that nobody has any more can be collected.

    Args:
        owner: The client's backend. When it is collected before it was closed, the session is closed on its loop.
        secure: Whether to make the certificates ready.
    """

    def __init__(self, owner: object, *, secure: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = os.getpid()
        self._state = State()
        self._transports: WeakSet[asyncio.Transport] = WeakSet()
        self.replies: WeakSet[aiohttp.ClientResponse] = WeakSet()
        """Those that may not be read to their end."""
        self.session = _open_session(self._state, self._transports, secure=secure)
        timer = self._loop.call_later(_NEVER, _nothing, self, context=Context())
        self._lifeline = _live(self.session, self._state, ref(timer))
        finalize(owner, _abandoned, ref(self)).atexit = False
        # The collector calls this before any `__del__`, such as that of aiohttp's session, which would complain.
        finalize(self, setattr, self._state, "gone", True).atexit = False
        _LIVE.add(self)

    async def start(self) -> None:
        """Let the event loop close it when the loop shuts down."""
        await anext(self._lifeline)

    async def close(self) -> None:
        """Close the session's connections."""
        await self._lifeline.aclose()

    def close_soon(self) -> None:
        """Close it on its loop. May be called in any thread."""
        with suppress(RuntimeError):  # the loop is closed, and the session with it
            self._loop.call_soon_threadsafe(self._close_now)

    def cut(self) -> None:
        """Close the connections at once, without the loop, which must not be running."""
        if self._state.closed or self._process != os.getpid():  # a fork's loop shares its selector with the parent's
            return
        self._state.gone = self._state.closed = True
        for transport in list(self._transports):
            _cut(transport)
        for reply in list(self.replies):
            connection = reply.connection
            reply.close()
            if connection is not None:
                connection.close()
        self.session.detach()

    def is_idle(self) -> bool:
        """Whether its loop is not running."""
        return not self._loop.is_running()

    def _close_now(self) -> None:
        # A task of its own, for which the generator waits if the loop shuts down meanwhile: nothing waits for a task that the
        # loop makes for a generator.
        if not self.session.closed:
            self._state.closing = self._loop.create_task(self._close_alone())

    async def _close_alone(self) -> None:
        await self.session.close()
        with suppress(RuntimeError):  # the loop is closing the generator already
            await self._lifeline.aclose()

    def __del__(self) -> None:
        with suppress(Exception):  # the interpreter may be half gone
            self.cut()


async def _live(session: aiohttp.ClientSession, state: State, timer: ref[asyncio.TimerHandle]) -> AsyncGenerator[None]:
    """Closes the session when it is closed itself, which the event loop does with every async generator when it shuts down.

    So a client that nobody closed leaves no open connection behind when `asyncio.run` ends.
    """
    try:
        yield
    finally:
        if state.closing not in (None, asyncio.current_task()):
            await asyncio.wait([state.closing])
        await session.close()
        state.gone = state.closed = True
        if (holding := timer()) is not None:
            holding.cancel()


def _abandoned(session: ref[LoopSession]) -> None:
    """Called in whatever thread collects the client."""
    if (left := session()) is not None:
        left.close_soon()


@atexit.register
def _cut_all() -> None:
    """At the interpreter's end: loops that were never closed will not close their sessions any more."""
    for session in list(_LIVE):
        if session.is_idle():
            session.cut()


def _cut(transport: asyncio.Transport) -> None:
    """Close a transport without its loop. There is no public API for it: its own methods leave closing the socket to the loop."""
    below: Any = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None) or transport
    close = getattr(below, "_call_connection_lost", None)
    if close is not None:
        below._call_connection_lost = _nothing  # noqa: SLF001 - which `abort` would leave to the loop
    with suppress(RuntimeError):  # the loop is closed
        transport.abort()
    if close is not None:
        with suppress(RuntimeError):  # as above, from a protocol that would tell the next one
            close(None)


def _nothing(_: object) -> None:
    pass


def _open_session(state: State, transports: WeakSet[asyncio.Transport], *, secure: bool) -> aiohttp.ClientSession:
    with loading():
        import aiohttp  # noqa: PLC0415 - importing it costs as much as httpx and pydantic together
        from aiohttp.client_proto import ResponseHandler  # noqa: PLC0415 - as above

        from .protocol import Connector, Protocol  # noqa: PLC0415 - as above

        checked: ssl.SSLContext | bool = httpx.create_ssl_context() if secure else True  # OpenSSL has locks, too

    connector = Connector(
        limit=_MAX_CONNECTIONS,
        keepalive_timeout=IDLE,
        ssl=checked,
        socket_factory=_socket,
    )
    connector.state = state
    replace_private(connector, "_factory", partial[ResponseHandler](Protocol, asyncio.get_running_loop(), transports))
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # `content_codings.py` does it
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
    )
    # aiohttp would send GET, PUT and DELETE again by itself, hidden from our own retries. It has no public switch for that.
    replace_private(session, "_retry_connection", False)
    return session


def _socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, *_ = address
    opened = socket.socket(family, kind, protocol)
    for option in KEEPALIVE:
        opened.setsockopt(*option)
    return opened
