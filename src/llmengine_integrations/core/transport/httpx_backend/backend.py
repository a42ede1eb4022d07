"""Backends based on httpx: our own sync transport, and any httpx client that the user gives."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import httpx

from ..._foreign_errors import fail
from ..._loading import loading
from ..._proxies import Proxy
from ..._timeouts import DeadlineTimeout
from ...uploads.multipart import Multipart
from ..backend import IDLE, KEEPALIVE
from ..content_codings import unpacker
from ..private_names import replace_private
from ..reply_bodies import aread_up_to, read_up_to
from .errors import FOREIGN, to_client_error
from .trailing_bytes import guard_end

if TYPE_CHECKING:
    from ..backend import AsyncBackend, AsyncIncomingReply, Backend, IncomingReply, Outgoing
    from .sockets import Network

_URLS = 64  # a program uses few models; parsing costs a tenth of a call

_Content: TypeAlias = bytes | Iterator[bytes] | AsyncIterator[bytes] | None


def _content(outgoing: Outgoing) -> bytes | Iterator[bytes] | None:
    content = outgoing.body()
    return content.chunks() if isinstance(content, Multipart) else content


def _async_content(outgoing: Outgoing) -> bytes | AsyncIterator[bytes] | None:
    content = outgoing.body()
    return content.achunks() if isinstance(content, Multipart) else content


def _request(outgoing: Outgoing, content: _Content, url: httpx.URL | None = None) -> httpx.Request:
    try:
        return httpx.Request(
            outgoing.method,
            url or outgoing.url,
            headers=outgoing.headers,
            content=content,
            extensions=_extensions(outgoing),
        )
    except UnicodeError as error:
        raise httpx.InvalidURL("The URL's host is not a valid name.") from error


def _extensions(outgoing: Outgoing) -> dict[str, Any]:
    timeouts, deadline = outgoing.timeouts, outgoing.deadline
    return {
        "timeout": {
            "connect": DeadlineTimeout.of(timeouts.connect, deadline),
            "read": DeadlineTimeout.of(timeouts.read, deadline),
            "write": DeadlineTimeout.of(timeouts.write, deadline),
            "pool": timeouts.pool,
        }
    }


class _HttpxReply:
    def __init__(self, response: httpx.Response, deadline: float | None) -> None:
        guard_end(response)
        self._response = response
        self._deadline = deadline
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers


class _SyncReply(_HttpxReply):
    def chunks(self) -> Generator[bytes]:
        coding = unpacker(self.headers)
        try:
            for chunk in self._raw():
                if coding is None:
                    yield chunk
                else:
                    yield from coding.feed(chunk)
                # The sockets of the user's client do not check the deadline.
                if self._deadline is not None and time.monotonic() >= self._deadline:
                    raise httpx.ReadTimeout("")
        except FOREIGN as error:
            fail(to_client_error(error), error)
        if coding is not None:
            coding.end()

    def read_up_to(self, limit: int) -> bytes:
        return read_up_to(self.chunks(), limit)

    def close(self) -> None:
        self._response.close()

    def _raw(self) -> Iterator[bytes]:
        return self._response.iter_raw()


class _ReadReply(_SyncReply):
    """A reply that a hook of the user's client has read, and that httpx has decoded."""

    def chunks(self) -> Generator[bytes]:
        yield from self._response.iter_bytes()


class _OwnReply(_SyncReply):
    """A reply on our own connections, which have no hooks."""

    def _raw(self) -> Iterator[bytes]:
        return iter(cast("httpx.SyncByteStream", self._response.stream))


class _AsyncReply(_HttpxReply):
    async def chunks(self) -> AsyncGenerator[bytes]:
        coding = unpacker(self.headers)
        try:
            async for chunk in self._response.aiter_raw():
                if coding is None:
                    yield chunk
                    continue
                for piece in coding.feed(chunk):
                    yield piece
        except FOREIGN as error:
            fail(to_client_error(error), error)
        if coding is not None:
            coding.end()

    async def read_up_to(self, limit: int) -> bytes:
        return await aread_up_to(self.chunks(), limit)

    async def close(self) -> None:
        await self._response.aclose()


class _ReadAsyncReply(_AsyncReply):
    """The async version of `_ReadReply`."""

    async def chunks(self) -> AsyncGenerator[bytes]:
        async for chunk in self._response.aiter_bytes():
            yield chunk


def _reply(response: httpx.Response, deadline: float | None) -> _SyncReply:
    return (_ReadReply if response.is_stream_consumed else _SyncReply)(response, deadline)


def _async_reply(response: httpx.Response, deadline: float | None) -> _AsyncReply:
    return (_ReadAsyncReply if response.is_stream_consumed else _AsyncReply)(response, deadline)


class _Pool(NamedTuple):
    transport: httpx.HTTPTransport
    network: Network


class HttpxBackend:
    """Our own httpx transport, called directly, because the client around it would cost as much as the request itself.

    A pool belongs to the process that made it. A forked child starts with a new one.
    """

    def __init__(self, *, secure: bool, proxy: str | None = None) -> None:
        self._secure = secure
        self._proxy = proxy
        # By process. A parent's pool is never closed here, because that would take locks that the fork may have copied while they were
        # held.
        self._pools: dict[int, _Pool] = {}
        self._url = lru_cache(_URLS)(httpx.URL)

    def send(self, outgoing: Outgoing) -> IncomingReply:
        """Send a request and wait for the reply's headers."""
        pool = self._pools.get(os.getpid())
        if pool is None:
            with loading():  # OpenSSL also has locks that a fork would copy
                pool = self._open()
        try:
            return self._send(outgoing, pool)
        except FOREIGN as error:
            fail(to_client_error(error), error)

    def _send(self, outgoing: Outgoing, pool: _Pool) -> IncomingReply:
        # A complete httpx request, because tools that trace, record or mock its transport read it.
        request = _request(outgoing, _content(outgoing), self._url(outgoing.url))
        return _OwnReply(pool.transport.handle_request(request), outgoing.deadline)

    def for_other_hosts(self, proxy: str | None) -> HttpxBackend:
        """Return a backend with its own connections, which checks certificates whatever the base URL is."""
        return HttpxBackend(secure=True, proxy=proxy)

    def close(self) -> None:
        """Close the connections, and end the calls that still wait for them. A later call opens new ones."""
        if pool := self._pools.pop(os.getpid(), None):
            pool.network.interrupt()
            pool.transport.close()

    def _open(self) -> _Pool:
        from .sockets import Network  # noqa: PLC0415 - it loads httpcore, as httpx itself does when a transport is made

        # Certificates take 10-20 ms to load, so a plain connection does not load them.
        verify: ssl.SSLContext | bool = httpx.create_ssl_context() if self._secure or self._proxy else False
        proxy = None if self._proxy is None else Proxy.of(self._proxy)
        transport = httpx.HTTPTransport(
            verify=verify,
            proxy=None if proxy is None else httpx.Proxy(proxy.url, headers=proxy.headers),
            limits=httpx.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=IDLE),
            socket_options=KEEPALIVE,
        )
        network = Network()
        # httpcore's pool accepts a network backend, but httpx's transport does not pass one on.
        replace_private(transport._pool, "_network_backend", network)  # noqa: SLF001
        # Atomic: concurrent threads share the first one.
        return self._pools.setdefault(os.getpid(), _Pool(transport, network))


class HttpxClientBackend:
    """The user's own `httpx.Client`, with its proxies, hooks, certificates, authentication and limits. Redirects are never followed."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def send(self, outgoing: Outgoing) -> IncomingReply:
        """Send a request and wait for the reply's headers."""
        try:
            return self._send(outgoing)
        except FOREIGN as error:
            fail(to_client_error(error), error)

    def for_other_hosts(self, proxy: str | None) -> Backend:  # noqa: ARG002 - the client has its own
        """Return the same client's connections, without its headers, cookies, parameters, authentication and hooks."""
        return _OtherHosts(self._client)

    def close(self) -> None:
        """Leave the client open, because its owner closes it."""

    def _send(self, outgoing: Outgoing) -> IncomingReply:
        request = _client_request(self._client, outgoing, _content(outgoing))
        # httpx would send the key's headers to wherever the gateway redirects.
        return _reply(self._client.send(request, stream=True, follow_redirects=False), outgoing.deadline)


class HttpxAsyncClientBackend:
    """The user's own `httpx.AsyncClient`, used unchanged."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(self, outgoing: Outgoing) -> AsyncIncomingReply:
        """Send a request and wait for the reply's headers."""
        try:
            return await self._send(outgoing)
        except FOREIGN as error:
            fail(to_client_error(error), error)

    def for_other_hosts(self, proxy: str | None) -> AsyncBackend:  # noqa: ARG002 - the client has its own
        """Return the same client's connections, without its headers, cookies, parameters, authentication and hooks."""
        return _AsyncOtherHosts(self._client)

    async def close(self) -> None:
        """Leave the client open, because its owner closes it."""

    async def _send(self, outgoing: Outgoing) -> AsyncIncomingReply:
        request = _client_request(self._client, outgoing, _async_content(outgoing))
        reply = await self._client.send(request, stream=True, follow_redirects=False)  # redirects would get the key
        return _async_reply(reply, outgoing.deadline)


# Not through the client itself: it logs whole URLs, and a presigned URL is a secret. Its hooks may also add the user's credentials.
class _OtherHosts(HttpxClientBackend):
    def _send(self, outgoing: Outgoing) -> IncomingReply:
        request = _request(outgoing, _content(outgoing))
        transport = self._client._transport_for_url(request.url)  # noqa: SLF001 - not through the client itself
        return _reply(transport.handle_request(request), outgoing.deadline)


class _AsyncOtherHosts(HttpxAsyncClientBackend):
    async def _send(self, outgoing: Outgoing) -> AsyncIncomingReply:
        request = _request(outgoing, _async_content(outgoing))
        transport = self._client._transport_for_url(request.url)  # noqa: SLF001 - not through the client itself
        return _async_reply(await transport.handle_async_request(request), outgoing.deadline)


def _client_request(client: httpx.Client | httpx.AsyncClient, outgoing: Outgoing, content: _Content) -> httpx.Request:
    """Return our request with the client's own headers, cookies and parameters; ours override them."""
    request = _request(outgoing, None)
    return client.build_request(
        request.method,
        request.url,
        # httpx replaces a URL's query with its client's parameters, so ours are passed as parameters too.
        params=request.url.params if client.params else None,
        headers=outgoing.headers,
        content=content,
        extensions=request.extensions,
    )
