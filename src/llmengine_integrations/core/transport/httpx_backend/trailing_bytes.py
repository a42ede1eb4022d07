"""The end of a reply over httpx.

Bytes behind it: httpcore would take them for the reply to the next request on that connection, which may be another's. And the end of an
encrypted connection that ends a body, which httpcore takes for the body's end whoever has cut it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx

from ..tls_closure import closed_in_order

_NO_BODY = frozenset({204, 304})


def alone(response: httpx.Response) -> None:
    """Have a reply's connection closed with the reply, instead of used again, if more has come than the reply.

    A body that ends with an encrypted connection is whole only if the other side has closed that in order.
    """
    stream: Any = response.stream
    if isinstance(stream, httpx.SyncByteStream):
        response.stream = _Alone(stream, response)
    else:
        response.stream = _AsyncAlone(stream, response)


class _Alone(httpx.SyncByteStream):
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
        if _is_followed(self._stream):
            self._response.extensions["network_stream"].close()  # which the pool notices
        self._stream.close()


class _AsyncAlone(httpx.AsyncByteStream):
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
        if _is_followed(self._stream):
            await self._response.extensions["network_stream"].aclose()
        await self._stream.aclose()


def _ends_with(response: httpx.Response) -> Any:
    """The encryption of the connection whose end is the body's end; None if something else tells where the body ends."""
    if response.status_code in _NO_BODY or {"content-length", "transfer-encoding"} & response.headers.keys():
        return None
    if not response.http_version.startswith("HTTP/1"):
        return None
    network = response.extensions.get("network_stream")  # a transport of the user's may have none
    return None if network is None else network.get_extra_info("ssl_object")


def _check(encrypted: Any) -> None:
    if not closed_in_order(encrypted):
        raise httpx.RemoteProtocolError("peer closed connection without saying so, as TLS demands")


def _is_followed(stream: Any) -> bool:
    try:  # there is no public way
        below = getattr(stream, "_stream", stream)  # a client wraps what its transport gives
        return bool(below._httpcore_stream._stream._connection._h11_state.trailing_data[0])  # noqa: SLF001
    except AttributeError:  # HTTP/2, another transport, or another version of httpcore
        return False
