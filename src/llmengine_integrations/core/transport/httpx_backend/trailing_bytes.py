"""Two guards for the end of a reply over httpx.

* Bytes after the end of a reply: httpcore would read them as the start of the next reply on that connection, possibly another caller's.
* A body that ends with an encrypted connection: httpcore considers any end of the connection to be the end of the body.

The first guard reads httpcore's own state, for which there is no public API. If that state cannot be found (in another version of httpcore,
or a transport that wraps its replies), the connection is closed after the reply. So the guard never disables itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx

from ..tls_closure import closed_in_order

_NO_BODY = frozenset({204, 304})


def guard_end(response: httpx.Response) -> None:
    """Close the connection together with the reply, instead of reusing it, if bytes have arrived after the reply.

    A body that ends with an encrypted connection is complete only if the server closed that connection in order.
    """
    stream: Any = response.stream
    if isinstance(stream, httpx.SyncByteStream):
        response.stream = _Guarded(stream, response)
    else:
        response.stream = _AsyncGuarded(stream, response)


class _Guarded(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, response: httpx.Response) -> None:
        self._stream = stream
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        if (encrypted := _ends_with(self._response)) is None:
            return iter(self._stream)
        return self._checked(encrypted)

    def _checked(self, encrypted: Any) -> Iterator[bytes]:
        yield from self._stream
        _check(encrypted)

    def close(self) -> None:
        if (network := _to_close(self._response, self._stream)) is not None:
            network.close()  # which the pool notices
        self._stream.close()


class _AsyncGuarded(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, response: httpx.Response) -> None:
        self._stream = stream
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        if (encrypted := _ends_with(self._response)) is None:
            return aiter(self._stream)
        return self._checked(encrypted)

    async def _checked(self, encrypted: Any) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk
        _check(encrypted)

    async def aclose(self) -> None:
        if (network := _to_close(self._response, self._stream)) is not None:
            await network.aclose()
        await self._stream.aclose()


def _ends_with(response: httpx.Response) -> Any:
    """Return the TLS object of the connection if the body ends with it; None if the headers say where the body ends."""
    if response.status_code in _NO_BODY or {"content-length", "transfer-encoding"} & response.headers.keys():
        return None
    if not response.http_version.startswith("HTTP/1"):
        return None
    network = response.extensions.get("network_stream")  # the user's transport may have no network stream
    return None if network is None else network.get_extra_info("ssl_object")


def _check(encrypted: Any) -> None:
    if not closed_in_order(encrypted):
        raise httpx.RemoteProtocolError("peer closed connection without saying so, as TLS demands")


def _to_close(response: httpx.Response, stream: Any) -> Any:
    """Return the connection if it must not be used again; None if it may be."""
    network = response.extensions.get("network_stream")
    if network is None or not response.extensions.get("http_version", b"HTTP/1.1").startswith(b"HTTP/1"):
        return None  # no connection, or an HTTP/2 one, whose frames say which reply they belong to
    try:
        below = getattr(stream, "_stream", stream)  # a client wraps the stream of its transport
        followed = below._httpcore_stream._stream._connection._h11_state.trailing_data[0]  # noqa: SLF001 - see above
    except (AttributeError, IndexError, TypeError):
        return network
    return network if followed else None
