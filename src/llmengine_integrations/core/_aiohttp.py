"""The async backend. aiohttp, because the connection pool of httpx slows down with the square of the waiting requests.

aiohttp is imported with the first request: importing it costs as much as httpx and pydantic together.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import httpx

from .errors import APIConnectionError, APITimeoutError

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
    except TimeoutError as error:  # aiohttp's own timeouts are subclasses
        sent = not isinstance(error, aiohttp.ConnectionTimeoutError)
        raise APITimeoutError(str(error) or "No reply in time.", sent=sent) from error
    except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
        raise APIConnectionError(str(error), sent=False) from error
    except (aiohttp.ClientError, OSError) as error:
        raise APIConnectionError(str(error) or type(error).__name__) from error


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


class AiohttpBackend:
    """One aiohttp session for each event loop that uses the client, closed with the client or with its loop."""

    def __init__(self, *, secure: bool, proxy: str | None = None) -> None:
        self._secure = secure
        self._proxy = proxy
        self._pid = os.getpid()
        self._open: WeakKeyDictionary[asyncio.AbstractEventLoop, _Open] = WeakKeyDictionary()

    async def send(self, outgoing: Outgoing) -> AsyncIncoming:
        """Send it and wait for the reply's headers."""
        import aiohttp  # noqa: PLC0415 - see the module's docstring
        from yarl import URL  # noqa: PLC0415 - as aiohttp

        session = await self._session()
        timeouts = outgoing.timeouts
        total = None if timeouts.connect is None or timeouts.pool is None else timeouts.connect + timeouts.pool
        with own_errors():
            response = await session.request(
                outgoing.method,
                URL(outgoing.url, encoded=True),
                data=outgoing.content,
                headers=outgoing.headers,
                allow_redirects=False,
                proxy=self._proxy,
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=total, sock_connect=timeouts.connect, sock_read=timeouts.read
                ),
            )
        return _Reply(response)

    async def close(self) -> None:
        """Close this loop's connections; a later call opens new ones."""
        if opened := self._open.pop(asyncio.get_running_loop(), None):
            await opened.lifeline.aclose()

    async def _session(self) -> aiohttp.ClientSession:
        if self._pid != os.getpid():  # a fork: the sockets are the parent's
            self._pid = os.getpid()
            self._open.clear()
        loop = asyncio.get_running_loop()
        opened = self._open.get(loop)
        if opened is None or opened.session.closed:
            opened = self._open[loop] = await _open_session(secure=self._secure)
        return opened.session


async def _open_session(*, secure: bool) -> _Open:
    import aiohttp  # noqa: PLC0415 - see the module's docstring

    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_MAX_CONNECTIONS, ssl=httpx.create_ssl_context() if secure else True),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
    )
    lifeline = _lifeline(session)
    await anext(lifeline)
    return _Open(session, lifeline)


async def _lifeline(session: aiohttp.ClientSession) -> AsyncGenerator[None]:
    """Closes the session when it is closed itself, which the event loop does with every async generator when it shuts down.

    So a client that nobody closed leaves no open connection behind when `asyncio.run` ends.
    """
    try:
        yield
    finally:
        await session.close()
