"""Backends over httpx: our own sync transport, and whatever httpx client the user gives."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from .errors import APIConnectionError, APITimeoutError, InvalidResponseError

if TYPE_CHECKING:
    from ._io import AsyncIncoming, Incoming, Outgoing

_NOTHING_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


@contextmanager
def own_errors() -> Generator[None]:
    """Raise httpx's transport errors as ours; https://www.python-httpx.org/exceptions/ is the whole list."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise APITimeoutError(_text(error), sent=not isinstance(error, _NOTHING_SENT)) from error
    except (httpx.TransportError, httpx.TooManyRedirects, httpx.InvalidURL) as error:
        raise APIConnectionError(_text(error), sent=not isinstance(error, _NOTHING_SENT)) from error
    except httpx.DecodingError as error:
        raise InvalidResponseError(f"The reply's content encoding is broken: {_text(error)}") from error


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__


def _request(outgoing: Outgoing) -> httpx.Request:
    timeouts = outgoing.timeouts
    return httpx.Request(
        outgoing.method,
        outgoing.url,
        headers=outgoing.headers,
        content=outgoing.content,
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

    The pool belongs to the process that made it: a fork starts with a new one.
    """

    def __init__(self, *, secure: bool, proxy: str | None = None) -> None:
        self._secure = secure
        self._proxy = proxy
        self._pid = -1
        self._transport: httpx.HTTPTransport | None = None

    def send(self, outgoing: Outgoing) -> Incoming:
        """Send it and wait for the reply's headers."""
        transport = self._transport
        if transport is None or self._pid != os.getpid():
            transport = self._open()
        with own_errors():
            return _SyncReply(transport.handle_request(_request(outgoing)))

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        transport, self._transport = self._transport, None
        if transport is not None and self._pid == os.getpid():
            transport.close()

    def _open(self) -> httpx.HTTPTransport:
        self._pid = os.getpid()
        # Certificates take 10-20 ms to load, so a plain connection goes without.
        verify: ssl.SSLContext | bool = httpx.create_ssl_context() if self._secure or self._proxy else False
        self._transport = httpx.HTTPTransport(
            verify=verify,
            proxy=self._proxy,
            limits=httpx.Limits(max_connections=1000, max_keepalive_connections=100),
        )
        return self._transport


class HttpxClientBackend:
    """The user's own `httpx.Client`, used as it is: its proxies, hooks, certificates, authentication and limits hold."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def send(self, outgoing: Outgoing) -> Incoming:
        """Send it and wait for the reply's headers."""
        with own_errors():
            return _SyncReply(self._client.send(_client_request(self._client, outgoing), stream=True))

    def close(self) -> None:
        """Leave the client open: who made it closes it."""


class HttpxAsyncClientBackend:
    """The user's own `httpx.AsyncClient`, used as it is."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(self, outgoing: Outgoing) -> AsyncIncoming:
        """Send it and wait for the reply's headers."""
        with own_errors():
            return _AsyncReply(await self._client.send(_client_request(self._client, outgoing), stream=True))

    async def close(self) -> None:
        """Leave the client open: who made it closes it."""


def _client_request(client: httpx.Client | httpx.AsyncClient, outgoing: Outgoing) -> httpx.Request:
    """Our request with what the client adds to every one: its headers, cookies and parameters; ours win."""
    request = _request(outgoing)
    return client.build_request(
        request.method,
        request.url,
        headers=outgoing.headers,
        content=outgoing.content,
        extensions=request.extensions,
    )
