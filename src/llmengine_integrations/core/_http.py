"""Backends over httpx: our own sync transport, and whatever httpx client the user gives."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import httpx

from ._io import CUT_OFF, IDLE, KEEPALIVE, NO_REPLY, reason, timeout_reason
from ._upload import Multipart
from .errors import APIConnectionError, APITimeoutError, InvalidResponseError

if TYPE_CHECKING:
    from ._io import AsyncBackend, AsyncIncoming, Backend, Incoming, Outgoing

_NOTHING_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


@contextmanager
def own_errors() -> Generator[None]:
    """Raise httpx's transport errors as ours; https://www.python-httpx.org/exceptions/ is the whole list."""
    try:
        yield
    except httpx.TimeoutException as error:
        sent = not isinstance(error, _NOTHING_SENT)
        raise APITimeoutError(timeout_reason(sent=sent), sent=sent) from error
    except (httpx.TransportError, httpx.TooManyRedirects, httpx.InvalidURL) as error:
        raise APIConnectionError(_reason(error), sent=not isinstance(error, _NOTHING_SENT)) from error
    except httpx.DecodingError as error:
        raise InvalidResponseError(f"The reply's content encoding is broken: {error}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.RemoteProtocolError):
        known = {"Server disconnected": NO_REPLY, "peer closed connection": CUT_OFF}
        return next((plain for start, plain in known.items() if str(error).startswith(start)), str(error))
    return reason(error)


_Content: TypeAlias = bytes | Iterator[bytes] | AsyncIterator[bytes] | None


def _content(outgoing: Outgoing) -> bytes | Iterator[bytes] | None:
    content = outgoing.whole()
    return content.chunks() if isinstance(content, Multipart) else content


def _async_content(outgoing: Outgoing) -> bytes | AsyncIterator[bytes] | None:
    content = outgoing.whole()
    return content.achunks() if isinstance(content, Multipart) else content


def _request(outgoing: Outgoing, content: _Content) -> httpx.Request:
    timeouts = outgoing.timeouts
    return httpx.Request(
        outgoing.method,
        outgoing.url,
        headers=outgoing.headers,
        content=content,
        extensions={
            "timeout": {
                "connect": timeouts.connect,
                "read": timeouts.read,
                "write": timeouts.write,
                "pool": timeouts.pool,
            }
        },
    )


class _Reply:
    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers


class _SyncReply(_Reply):
    def read(self) -> bytes:
        with own_errors():
            return self._response.read()

    def chunks(self) -> Generator[bytes]:
        with own_errors():
            yield from self._response.iter_bytes()

    def close(self) -> None:
        self._response.close()


class _AsyncReply(_Reply):
    async def read(self) -> bytes:
        with own_errors():
            return await self._response.aread()

    async def chunks(self) -> AsyncGenerator[bytes]:
        with own_errors():
            async for chunk in self._response.aiter_bytes():
                yield chunk

    async def close(self) -> None:
        await self._response.aclose()


class HttpxBackend:
    """An httpx transport of our own, called directly: the client around it would cost as much again as the request.

    A pool belongs to the process that made it: a fork starts with a new one.
    """

    def __init__(self, *, secure: bool, proxy: str | None = None) -> None:
        self._secure = secure
        self._proxy = proxy
        # By process. A parent's is never closed here: that would take locks which the fork may have copied while they were held.
        self._pools: dict[int, httpx.HTTPTransport] = {}

    def send(self, outgoing: Outgoing) -> Incoming:
        """Send it and wait for the reply's headers."""
        pool = self._pools.get(os.getpid()) or self._open()
        with own_errors():
            return _SyncReply(pool.handle_request(_request(outgoing, _content(outgoing))))

    def elsewhere(self, proxy: str | None) -> HttpxBackend:
        """Connections of their own, with certificates checked whatever the base URL is."""
        return HttpxBackend(secure=True, proxy=proxy)

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        if pool := self._pools.pop(os.getpid(), None):
            pool.close()

    def _open(self) -> httpx.HTTPTransport:
        # Certificates take 10-20 ms to load, so a plain connection goes without.
        verify: ssl.SSLContext | bool = httpx.create_ssl_context() if self._secure or self._proxy else False
        pool = httpx.HTTPTransport(
            verify=verify,
            proxy=self._proxy,
            limits=httpx.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=IDLE),
            socket_options=KEEPALIVE,
        )
        return self._pools.setdefault(os.getpid(), pool)  # atomic: threads that race here share the first one


class HttpxClientBackend:
    """The user's own `httpx.Client`, used as it is: its proxies, hooks, certificates, authentication and limits hold."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def send(self, outgoing: Outgoing) -> Incoming:
        """Send it and wait for the reply's headers."""
        with own_errors():
            request = _client_request(self._client, outgoing, _content(outgoing))
            return _SyncReply(self._client.send(request, stream=True))

    def elsewhere(self, proxy: str | None) -> Backend:  # noqa: ARG002 - the client has its own
        """The same client without its headers, cookies, parameters and authentication."""
        return _Elsewhere(self._client)

    def close(self) -> None:
        """Leave the client open: who made it closes it."""


class HttpxAsyncClientBackend:
    """The user's own `httpx.AsyncClient`, used as it is."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(self, outgoing: Outgoing) -> AsyncIncoming:
        """Send it and wait for the reply's headers."""
        with own_errors():
            request = _client_request(self._client, outgoing, _async_content(outgoing))
            return _AsyncReply(await self._client.send(request, stream=True))

    def elsewhere(self, proxy: str | None) -> AsyncBackend:  # noqa: ARG002 - the client has its own
        """The same client without its headers, cookies, parameters and authentication."""
        return _AsyncElsewhere(self._client)

    async def close(self) -> None:
        """Leave the client open: who made it closes it."""


class _Elsewhere(HttpxClientBackend):
    def send(self, outgoing: Outgoing) -> Incoming:
        with own_errors():
            request = _request(outgoing, _content(outgoing))
            return _SyncReply(self._client.send(request, stream=True, auth=None, follow_redirects=False))


class _AsyncElsewhere(HttpxAsyncClientBackend):
    async def send(self, outgoing: Outgoing) -> AsyncIncoming:
        with own_errors():
            request = _request(outgoing, _async_content(outgoing))
            return _AsyncReply(await self._client.send(request, stream=True, auth=None, follow_redirects=False))


def _client_request(client: httpx.Client | httpx.AsyncClient, outgoing: Outgoing, content: _Content) -> httpx.Request:
    """Our request with what the client adds to every one: its headers, cookies and parameters; ours win."""
    request = _request(outgoing, None)
    return client.build_request(
        request.method,
        request.url,
        # httpx replaces a URL's query by its client's parameters, so ours are handed over as parameters too.
        params=request.url.params if client.params else None,
        headers=outgoing.headers,
        content=content,
        extensions=request.extensions,
    )
