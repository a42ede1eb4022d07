"""The async backend. It uses aiohttp, because httpx's connection pool slows down with the square of the number of waiting requests.

aiohttp is imported with the first request, because importing it takes as long as httpx and pydantic together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias
from weakref import WeakKeyDictionary, ref

from ..._foreign_errors import fail, raise_alone, reason, safe
from ..._proxies import Proxy
from ..._timeouts import timeout_reason
from ...errors import APIConnectionError, APITimeoutError, InvalidResponseError, LLMEngineError
from ...uploads.multipart import Multipart
from ...uploads.source import CHUNK
from ..backend import CUT_OFF, INVALID_URL, NO_REPLY
from ..content_codings import unpacker
from ..reply_bodies import aread_up_to
from .session import LoopSession

if TYPE_CHECKING:
    import aiohttp

    from ..._timeouts import Timeout
    from ..backend import AsyncIncomingReply, Outgoing


def _reraise(error: Exception) -> NoReturn:
    """Raise aiohttp's errors as ours; https://docs.aiohttp.org/en/stable/client_reference.html#hierarchy-of-exceptions."""
    import aiohttp  # noqa: PLC0415 - see the module's docstring

    try:
        if not isinstance(error, aiohttp.ClientError | OSError):  # its timeouts are the builtin one, thus OSErrors
            raise error
        fail(_to_client_error(error), error)
    finally:
        del error  # or anything that reads this frame's variables could read it


def _to_client_error(error: Exception) -> LLMEngineError:  # noqa: PLR0911 - one row per error
    import aiohttp  # noqa: PLC0415 - see the module's docstring

    match error:
        case TimeoutError():
            sent = not isinstance(error, aiohttp.ConnectionTimeoutError)
            return APITimeoutError(timeout_reason(sent=sent), sent=sent)
        case aiohttp.InvalidURL():  # its text is the URL, which may be presigned
            return APIConnectionError(INVALID_URL, sent=False)
        case aiohttp.ClientConnectorError():
            return APIConnectionError(reason(error), sent=False)
        case aiohttp.ClientHttpProxyError():  # its text has the proxy's URL, password included
            return APIConnectionError(f"The proxy refused: {error.status} {safe(error.message)}", sent=False)
        case aiohttp.ServerDisconnectedError():
            return APIConnectionError(NO_REPLY)
        case aiohttp.ClientPayloadError(__cause__=cause) if not isinstance(cause, OSError):
            return APIConnectionError(CUT_OFF)
        case aiohttp.ClientResponseError():  # its text has the URL with the query
            return APIConnectionError(f"The reply is not valid HTTP: {safe(error.message)}")
        case _:
            return APIConnectionError(reason(error))


class _AiohttpReply:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers

    async def chunks(self) -> AsyncGenerator[bytes]:
        coding = unpacker(self.headers)
        content = self._response.content
        try:
            while chunk := await content.readany():
                if coding is None:
                    yield chunk
                    continue
                for piece in coding.feed(chunk):
                    yield piece
        except LLMEngineError:  # an error in its content coding
            raise
        except Exception as error:  # noqa: BLE001 - raised again
            # The data that has arrived is still there, because aiohttp raises before it returns it. There is no public API for it.
            rest = content._read_nowait(-1)  # noqa: SLF001
            with suppress(InvalidResponseError):
                for piece in filter(None, (rest,)) if coding is None else coding.feed(rest):
                    yield piece
            self._reraise(error)
        if coding is not None:
            coding.end()

    async def read_up_to(self, limit: int) -> bytes:
        if self.headers.get("content-encoding"):
            return await aread_up_to(self.chunks(), limit)
        content = self._response.content
        parts: list[bytes] = []
        size = 0
        try:
            while size <= limit and (part := await content.readany()):
                parts.append(part)
                size += len(part)
        except Exception as error:  # noqa: BLE001 - raised again
            self._reraise(error)
        return b"".join(parts)

    async def close(self) -> None:
        # Returns the connection to the pool if the body was read to its end, and drops it otherwise.
        self._response.close()

    def _reraise(self, error: Exception) -> NoReturn:
        connection = self._response.connection
        if isinstance(error, RuntimeError) and (connection is None or connection.transport is None):
            fail(APIConnectionError("The client was closed before the reply was complete."), error)
        _reraise(error)


async def _pieces(content: bytes) -> AsyncGenerator[bytes]:
    for start in range(0, len(content), CHUNK):
        yield content[start : start + CHUNK]


class _BodyInPieces:
    """A body in pieces. The request fails if the server does not accept the next piece in time; aiohttp itself would wait forever."""

    def __init__(self, pieces: AsyncIterator[bytes], seconds: float | None) -> None:
        self._pieces = pieces
        self._seconds = seconds
        self._guard = asyncio.timeout(None)
        self._transport: asyncio.Transport | None = None

    def payload(self) -> aiohttp.Payload:
        """Return the payload that aiohttp sends."""
        from aiohttp.payload import AsyncIterablePayload  # noqa: PLC0415 - see the module's docstring

        body = self

        class Payload(AsyncIterablePayload):
            async def write_with_length(self, writer: Any, content_length: int | None) -> None:
                body._transport = writer.transport
                await super().write_with_length(writer, content_length)

        return Payload(self._each())

    async def sent(self, request: Awaitable[aiohttp.ClientResponse]) -> aiohttp.ClientResponse:
        """Return the reply to a request with this body."""
        try:
            async with self._guard:
                return await request
        except BaseException:
            if self._transport is not None:
                self._transport.abort()  # an orderly close would wait until the server has accepted the rest
            raise

    async def _each(self) -> AsyncGenerator[bytes]:
        async for piece in self._pieces:
            self._give(self._seconds)
            yield piece
            self._give(None)

    def _give(self, seconds: float | None) -> None:
        with suppress(RuntimeError):  # the server has answered before the end, so there is nothing to wait for
            self._guard.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)


@lru_cache(16)
def _limits(timeouts: Timeout) -> aiohttp.ClientTimeout:
    import aiohttp  # noqa: PLC0415 - see the module's docstring

    total = None if timeouts.connect is None or timeouts.pool is None else timeouts.connect + timeouts.pool
    return aiohttp.ClientTimeout(total=None, connect=total, sock_connect=timeouts.connect, sock_read=timeouts.read)


_Sessions: TypeAlias = WeakKeyDictionary[asyncio.AbstractEventLoop, ref[LoopSession]]


class AiohttpBackend:
    """One aiohttp session for each event loop that uses the client, closed with the client or with its loop.

    A client that was never closed closes its sessions when it is garbage-collected, each on its own loop.

    This also handles forks, because a child runs its own loop.
    """

    def __init__(self, *, secure: bool, proxy: str | None = None) -> None:
        self._secure = secure
        self._proxy = None if proxy is None else Proxy.of(proxy)
        self._open: _Sessions = WeakKeyDictionary()

    async def send(self, outgoing: Outgoing) -> AsyncIncomingReply:
        """Send a request and wait for the reply's headers."""
        opened = await self._session()
        content = outgoing.body()
        try:
            response = await self._request(opened.session, outgoing, content)
        except Exception as error:  # noqa: BLE001 - raised again
            # If a body cannot be read, aiohttp only says that the connection broke.
            if not isinstance(content, Multipart) or content.failure is None:
                _reraise(error)
            raise_alone(content.failure)
        finally:
            del content  # or anything that reads this frame's variables could read it
        opened.replies.add(response)
        return _AiohttpReply(response)

    def _request(
        self, session: aiohttp.ClientSession, outgoing: Outgoing, content: bytes | Multipart | None
    ) -> Awaitable[aiohttp.ClientResponse]:
        from yarl import URL  # noqa: PLC0415 - loaded with aiohttp

        proxy, body = self._proxy, None
        # A tunnel is requested with the proxy's headers, which nothing else may see. Without a tunnel, the proxy reads ours.
        tunnel = proxy is not None and outgoing.url[:6].lower() == "https:"
        headers = outgoing.headers if proxy is None or tunnel else {**outgoing.headers, **proxy.headers}
        if isinstance(content, Multipart):
            body = _BodyInPieces(content.achunks(), outgoing.timeouts.write)
        elif content is not None and len(content) > CHUNK:
            body, headers = (
                _BodyInPieces(_pieces(content), outgoing.timeouts.write),
                {**headers, "content-length": str(len(content))},
            )
        request = session.request(
            outgoing.method,
            URL(outgoing.url, encoded=True),
            data=content if body is None else body.payload(),
            headers=headers,
            allow_redirects=False,
            proxy=None if proxy is None else proxy.url,
            proxy_headers=proxy.headers if proxy is not None and tunnel else None,
            timeout=_limits(outgoing.timeouts),
        )
        return request if body is None else body.sent(request)

    def for_other_hosts(self, proxy: str | None) -> AiohttpBackend:
        """Return a backend with its own connections, which checks certificates whatever the base URL is."""
        return AiohttpBackend(secure=True, proxy=proxy)

    async def close(self) -> None:
        """Close this loop's connections; a later call opens new ones."""
        held = self._open.pop(asyncio.get_running_loop(), None)
        if held is not None and (opened := held()) is not None:
            await opened.close()

    async def _session(self) -> LoopSession:
        loop = asyncio.get_running_loop()
        held = self._open.get(loop)
        opened = None if held is None else held()
        if opened is None or opened.session.closed:
            opened = LoopSession(self, secure=self._secure)
            self._open[loop] = ref(opened)
            await opened.start()
        return opened
