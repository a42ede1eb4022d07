"""Decompresses replies in gzip or deflate, although no request asks for them: piece by piece, and to their end. No I/O happens here.

The decoders of httpx and aiohttp accept a truncated stream as complete, and httpx's drops all but the first part of a gzip body.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

from .._foreign_errors import fail
from ..errors import APIConnectionError, InvalidResponseError
from .backend import CUT_OFF

_PIECE = 1024 * 1024
"""Bytes that are decompressed at once. A few kilobytes may become many megabytes."""
_GZIP = zlib.MAX_WBITS | 16
_DEFLATED = 8  # in the low half of the first byte of zlib's format (RFC 1950)
_BARE = -zlib.MAX_WBITS


def unpacker(headers: Mapping[str, str]) -> Unpacker | None:
    """Return a decompressor for a reply's body; None if the body is not compressed.

    Raises:
        InvalidResponseError: The coding is neither gzip nor deflate (which grow at most a thousandfold), or there are several codings.
    """
    coding = headers.get("content-encoding", "").strip().lower()
    if coding in {"", "identity"}:
        return None
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise InvalidResponseError(f"The reply's content encoding is not supported: {coding[:100]}.")
    return Unpacker(deflate=coding == "deflate")


class Unpacker:
    """The state of one body."""

    def __init__(self, *, deflate: bool) -> None:
        self._deflate = deflate
        self._stream = zlib.decompressobj(_GZIP)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decompress more data.

        Raises:
            InvalidResponseError: It is not in this coding.
        """
        while data:
            if not self._begun or self._stream.eof:
                self._begin(data)
            try:
                piece = self._stream.decompress(data, _PIECE)
            except zlib.error as error:
                fail(_broken(str(error)), error)
            data = self._stream.unconsumed_tail or self._stream.unused_data
            if piece:
                yield piece

    def end(self) -> None:
        """Handle the end of the body.

        Raises:
            APIConnectionError: It ended before its coding did.
        """
        if self._begun and not self._stream.eof:
            raise APIConnectionError(CUT_OFF)

    def _begin(self, data: bytes) -> None:
        if self._deflate:
            if self._begun:
                raise _broken("something follows its end")
            # Some servers send the raw format (RFC 1951) under this name.
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if data[0] & 0x0F == _DEFLATED else _BARE)
        elif self._begun:
            self._stream = zlib.decompressobj(_GZIP)  # gzip may have several parts (RFC 1952)
        self._begun = True


def _broken(why: str) -> InvalidResponseError:
    return InvalidResponseError(f"The reply's content encoding is broken: {why}.")
