"""Unpack replies in gzip or deflate, although no request asks for them: piece by piece, and to their end. No I/O happens here.

The decoders of httpx and aiohttp take a stream that is cut off for a whole one, and httpx's drops all but the first part of a gzip body.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

from .._foreign_errors import fail
from ..errors import APIConnectionError, InvalidResponseError
from .backend import CUT_OFF

_PIECE = 1024 * 1024
"""Bytes that are unpacked at once: a few kilobytes may stand for many megabytes."""
_GZIP = zlib.MAX_WBITS | 16
_DEFLATED = 8  # in the low half of the first byte of zlib's format (RFC 1950)
_BARE = -zlib.MAX_WBITS


def unpacker(headers: Mapping[str, str]) -> Unpacker | None:
    """What unpacks a reply's body; None if it comes as it is.

    Raises:
        InvalidResponseError: It is neither gzip nor deflate, which grow a thousandfold at most, or it is more than one coding.
    """
    coding = headers.get("content-encoding", "").strip().lower()
    if coding in {"", "identity"}:
        return None
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise InvalidResponseError(f"The reply's content encoding is not supported: {coding[:100]}.")
    return Unpacker(deflate=coding == "deflate")


class Unpacker:
    """One body's state."""

    def __init__(self, *, deflate: bool) -> None:
        self._deflate = deflate
        self._stream = zlib.decompressobj(_GZIP)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Unpack on.

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
        """The body has ended.

        Raises:
            APIConnectionError: It ended before its coding did.
        """
        if self._begun and not self._stream.eof:
            raise APIConnectionError(CUT_OFF)

    def _begin(self, data: bytes) -> None:
        if self._deflate:
            if self._begun:
                raise _broken("something follows its end")
            # Some servers send the bare format (RFC 1951) under this name.
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if data[0] & 0x0F == _DEFLATED else _BARE)
        elif self._begun:
            self._stream = zlib.decompressobj(_GZIP)  # gzip may come in several parts (RFC 1952)
        self._begun = True


def _broken(why: str) -> InvalidResponseError:
    return InvalidResponseError(f"The reply's content encoding is broken: {why}.")
