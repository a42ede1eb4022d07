"""Bytes behind a reply's end: httpcore would take them for the reply to the next request on that connection, which may be another's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx


def alone(response: httpx.Response) -> None:
    """Have a reply's connection closed with the reply, instead of used again, if more has come than the reply."""
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
        return iter(self._stream)

    def close(self) -> None:
        if _is_followed(self._stream):
            self._response.extensions["network_stream"].close()  # which the pool notices
        self._stream.close()


class _AsyncAlone(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, response: httpx.Response) -> None:
        self._stream = stream
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    async def aclose(self) -> None:
        if _is_followed(self._stream):
            await self._response.extensions["network_stream"].aclose()
        await self._stream.aclose()


def _is_followed(stream: Any) -> bool:
    try:  # there is no public way
        below = getattr(stream, "_stream", stream)  # a client wraps what its transport gives
        return bool(below._httpcore_stream._stream._connection._h11_state.trailing_data[0])  # noqa: SLF001
    except AttributeError:  # HTTP/2, another transport, or another version of httpcore
        return False
