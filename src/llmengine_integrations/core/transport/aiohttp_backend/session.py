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

_MAX_CONNECTIONS = 1000  # below the usual limit of 1024 open files; more requests wait
_NEVER = 10 * 365 * 24 * 3600.0
"""Seconds after which the timer that holds a session would fire."""
_LIVE: WeakSet[LoopSession] = WeakSet()


class State:
    """The state of a session. It has no reference to the session or the loop, so its holders keep neither alive."""

    gone = False
    """Whether the session cannot be used any more, because it is closed or about to be collected."""
    closed = False
    """Whether its connections are closed."""
    closing: asyncio.Task[None] | None = None
    """The task that closes it because its client was collected."""


class LoopSession:
    """A session, and the ways in which it ends.

    * Its client closes it.
    * Its client is garbage-collected. It is then closed on its loop.
    * Its loop shuts down its async generators, as `asyncio.run` does.
    * Its loop is closed without that, as after `run_until_complete`. The loop then drops its timers, and one of them holds this object.
    * Its loop is garbage-collected, or the interpreter ends.

    The loop holds the session, and the client does not. So a loop without other references can be collected.

    Args:
        owner: The client's backend. If it is collected before it was closed, the session is closed on its loop.
        secure: Whether to load the certificates.
    """

    def __init__(self, owner: object, *, secure: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = os.getpid()
        self._state = State()
        self._transports: WeakSet[asyncio.Transport] = WeakSet()
        self.replies: WeakSet[aiohttp.ClientResponse] = WeakSet()
        """Replies that may not be read to their end."""
        self.session = _open_session(self._state, self._transports, secure=secure)
        timer = self._loop.call_later(_NEVER, _nothing, self, context=Context())
        self._lifeline = _live(self.session, self._state, ref(timer))
        finalize(owner, _abandoned, ref(self)).atexit = False
        # The garbage collector calls this before any `__del__`, such as that of aiohttp's session, which would complain.
        finalize(self, setattr, self._state, "gone", True).atexit = False
        _LIVE.add(self)

    async def start(self) -> None:
        """Make the event loop close the session when the loop shuts down."""
        await anext(self._lifeline)

    async def close(self) -> None:
        """Close the session's connections."""
        await self._lifeline.aclose()

    def close_soon(self) -> None:
        """Close it on its loop. Can be called in any thread."""
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
        # A separate task. The generator waits for it if the loop shuts down meanwhile, because nothing waits for a task that the loop makes
        # for a generator.
        if not self.session.closed:
            self._state.closing = self._loop.create_task(self._close_alone())

    async def _close_alone(self) -> None:
        await self.session.close()
        with suppress(RuntimeError):  # the loop is already closing the generator
            await self._lifeline.aclose()

    def __del__(self) -> None:
        with suppress(Exception):  # the interpreter may be shutting down
            self.cut()


async def _live(session: aiohttp.ClientSession, state: State, timer: ref[asyncio.TimerHandle]) -> AsyncGenerator[None]:
    """Close the session when this generator is closed. The event loop closes every async generator when it shuts down.

    So a client that was never closed leaves no open connection when `asyncio.run` ends.
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
    """Close the session of a client that was collected. Called in whatever thread collects it."""
    if (left := session()) is not None:
        left.close_soon()


@atexit.register
def _cut_all() -> None:
    """Close what is left when the interpreter ends, because loops that were never closed will not close their sessions."""
    for session in list(_LIVE):
        if session.is_idle():
            session.cut()


def _cut(transport: asyncio.Transport) -> None:
    """Close a transport without its loop. There is no public API for this: its own methods leave closing the socket to the loop."""
    below: Any = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None) or transport
    close = getattr(below, "_call_connection_lost", None)
    if close is not None:
        below._call_connection_lost = _nothing  # noqa: SLF001 - which `abort` would leave to the loop
    with suppress(RuntimeError):  # the loop is closed
        transport.abort()
    if close is not None:
        with suppress(RuntimeError):  # the loop is closed, and the protocol uses it
            close(None)


def _nothing(_: object) -> None:
    pass


def _open_session(state: State, transports: WeakSet[asyncio.Transport], *, secure: bool) -> aiohttp.ClientSession:
    with loading():
        import aiohttp  # noqa: PLC0415 - importing it takes as long as httpx and pydantic together
        from aiohttp.client_proto import ResponseHandler  # noqa: PLC0415 - loaded with aiohttp

        from .protocol import Connector, Protocol  # noqa: PLC0415 - imports aiohttp

        checked: ssl.SSLContext | bool = httpx.create_ssl_context() if secure else True  # OpenSSL has locks too

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
    # aiohttp would resend GET, PUT and DELETE itself, without our retries knowing. It has no public switch for that.
    replace_private(session, "_retry_connection", False)
    return session


def _socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, *_ = address
    opened = socket.socket(family, kind, protocol)
    for option in KEEPALIVE:
        opened.setsockopt(*option)
    return opened
