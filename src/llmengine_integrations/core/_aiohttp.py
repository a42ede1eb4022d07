"""The async backend. aiohttp, because the connection pool of httpx slows down with the square of the waiting requests.

aiohttp is imported with the first request: importing it costs as much as httpx and pydantic together.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary, finalize, ref

import httpx

from ._io import CUT_OFF, IDLE, KEEPALIVE, NO_REPLY, reason, timeout_reason
from ._upload import Multipart
from .errors import APIConnectionError, APITimeoutError, InvalidResponseError, LLMEngineError

if TYPE_CHECKING:
    import aiohttp

    from ._io import AsyncIncoming, Outgoing

_MAX_CONNECTIONS = 1000  # below the usual limit of 1024 open files; what is above waits


@contextmanager
def own_errors() -> Generator[None]:
    """Raise aiohttp's errors as ours; https://docs.aiohttp.org/en/stable/client_reference.html#hierarchy-of-exceptions."""
    import aiohttp  # noqa: PLC0415 - see the module's docstring

    try:
        yield
    except (aiohttp.ClientError, OSError) as error:  # its timeouts are the builtin one, thus OSErrors
        raise _own(error) from error


def _own(error: Exception) -> LLMEngineError:  # noqa: PLR0911 - one row an error
    import aiohttp  # noqa: PLC0415 - as above
    from aiohttp.http_exceptions import ContentEncodingError  # noqa: PLC0415 - as above

    match error:
        case TimeoutError():
            sent = not isinstance(error, aiohttp.ConnectionTimeoutError)
            return APITimeoutError(timeout_reason(sent=sent), sent=sent)
        case aiohttp.ClientConnectorError() | aiohttp.InvalidURL():
            return APIConnectionError(reason(error), sent=False)
        case aiohttp.ClientHttpProxyError():  # its text has the proxy's URL, password included
            return APIConnectionError(f"The proxy refused: {error.status} {error.message}", sent=False)
        case aiohttp.ServerDisconnectedError():
            return APIConnectionError(NO_REPLY)
        case aiohttp.ClientPayloadError(__cause__=ContentEncodingError() as broken):
            return InvalidResponseError(f"The reply's content encoding is broken: {broken.message}")
        case aiohttp.ClientPayloadError(__cause__=cause) if not isinstance(cause, OSError):
            return APIConnectionError(CUT_OFF)
        case aiohttp.ClientResponseError():  # no HTTP; its text has the URL with the query
            return APIConnectionError(f"The reply is no HTTP: {error.message}")
        case _:
            return APIConnectionError(reason(error))


@contextmanager
def _failing(content: object) -> Generator[None]:
    """Raise what reading the body failed with: aiohttp says only that the connection broke."""
    try:
        yield
    except Exception as error:
        if isinstance(content, Multipart) and content.failure is not None:
            raise content.failure from error
        raise


class _Reply:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self) -> bytes:
        with own_errors():
            return await self._response.read()

    async def chunks(self) -> AsyncGenerator[bytes]:
        with own_errors():
            async for chunk in self._response.content.iter_any():
                yield chunk

    async def close(self) -> None:
        # Hands the connection back if the body was read to its end, and drops it otherwise.
        self._response.close()


@dataclass(slots=True)
class _Open:
    session: aiohttp.ClientSession
    lifeline: AsyncGenerator[None]
    abandoned: finalize[..., Any]


class AiohttpBackend:
    """One aiohttp session for each event loop that uses the client, closed with the client or with its loop.

    A client that nobody closed closes its sessions when it is collected, each on its own loop.

    That takes care of forks too: a child runs a loop of its own.
    """

    def __init__(self, *, secure: bool, proxy: str | None = None) -> None:
        self._secure = secure
        self._proxy = proxy
        self._open: WeakKeyDictionary[asyncio.AbstractEventLoop, _Open] = WeakKeyDictionary()

    async def send(self, outgoing: Outgoing) -> AsyncIncoming:
        """Send it and wait for the reply's headers."""
        import aiohttp  # noqa: PLC0415 - see the module's docstring
        from yarl import URL  # noqa: PLC0415 - as aiohttp

        session = await self._session()
        timeouts = outgoing.timeouts
        total = None if timeouts.connect is None or timeouts.pool is None else timeouts.connect + timeouts.pool
        content = outgoing.whole()
        with _failing(content), own_errors():
            response = await session.request(
                outgoing.method,
                URL(outgoing.url, encoded=True),
                data=content.achunks() if isinstance(content, Multipart) else content,
                headers=outgoing.headers,
                allow_redirects=False,
                proxy=self._proxy,
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=total, sock_connect=timeouts.connect, sock_read=timeouts.read
                ),
            )
        return _Reply(response)

    def elsewhere(self, proxy: str | None) -> AiohttpBackend:
        """Connections of their own, with certificates checked whatever the base URL is."""
        return AiohttpBackend(secure=True, proxy=proxy)

    async def close(self) -> None:
        """Close this loop's connections; a later call opens new ones."""
        if opened := self._open.pop(asyncio.get_running_loop(), None):
            await opened.lifeline.aclose()

    async def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        opened = self._open.get(loop)
        if opened is None or opened.session.closed:
            session = _open_session(secure=self._secure)
            lifeline = _lifeline(session, ref(self._open))
            abandoned = finalize(self, _close_soon, loop, lifeline)
            abandoned.atexit = False
            opened = self._open[loop] = _Open(session, lifeline, abandoned)
            await anext(lifeline)
        return opened.session


def _open_session(*, secure: bool) -> aiohttp.ClientSession:
    import aiohttp  # noqa: PLC0415 - see the module's docstring

    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=_MAX_CONNECTIONS,
            keepalive_timeout=IDLE,
            ssl=httpx.create_ssl_context() if secure else True,
            socket_factory=_socket,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
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


_Sessions: TypeAlias = WeakKeyDictionary[asyncio.AbstractEventLoop, _Open]


async def _lifeline(session: aiohttp.ClientSession, sessions: ref[_Sessions]) -> AsyncGenerator[None]:
    """Closes the session when it is closed itself, which the event loop does with every async generator when it shuts down.

    So a client that nobody closed leaves no open connection behind when `asyncio.run` ends, and holds no ended loop.
    """
    loop = asyncio.get_running_loop()
    try:
        yield
    finally:
        known = sessions()
        if known is not None and (opened := known.get(loop)) is not None and opened.session is session:
            del known[loop]
            opened.abandoned.detach()
        await session.close()


def _close_soon(loop: asyncio.AbstractEventLoop, lifeline: AsyncGenerator[None]) -> None:
    """Close a session on its loop. Called in whatever thread collects the client."""
    with suppress(RuntimeError):  # the loop is closed, and the session with it
        loop.call_soon_threadsafe(lambda: loop.create_task(_close(lifeline)))


async def _close(lifeline: AsyncGenerator[None]) -> None:
    await lifeline.aclose()
