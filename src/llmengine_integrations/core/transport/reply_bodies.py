"""Reads replies as a whole, up to a limit: a hostile or broken server could send without end, or send bytes that decompress to many."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING

from ..errors import InvalidResponseError

if TYPE_CHECKING:
    from .backend import AsyncIncomingReply, IncomingReply

MIB = 1024 * 1024
MAX_BODY = 256 * MIB
"""The largest reply that is read as a whole, in bytes."""
MAX_ERROR = 8 * MIB
"""The largest part of an error reply, in bytes; the rest is not read."""


def read(reply: IncomingReply) -> bytes:
    """Return the whole body.

    Raises:
        InvalidResponseError: It is longer than `MAX_BODY`.
    """
    return _checked(reply.read_up_to(MAX_BODY), reply.status)


def explanation(reply: IncomingReply) -> bytes:
    """Return the body of an error; empty if it cannot be decompressed, because the status says more than that failure."""
    try:
        return reply.read_up_to(MAX_ERROR)
    except InvalidResponseError:
        return b""


def read_up_to(body: Generator[bytes], limit: int) -> bytes:
    """Return a body, until it has more than `limit` bytes."""
    parts: list[bytes] = []
    size = 0
    with closing(body) as chunks:
        for chunk in chunks:
            parts.append(chunk)
            size += len(chunk)
            if size > limit:
                break
    return b"".join(parts)


async def aread(reply: AsyncIncomingReply) -> bytes:
    """The async version of `read`."""
    return _checked(await reply.read_up_to(MAX_BODY), reply.status)


async def aexplanation(reply: AsyncIncomingReply) -> bytes:
    """The async version of `explanation`."""
    try:
        return await reply.read_up_to(MAX_ERROR)
    except InvalidResponseError:
        return b""


async def aread_up_to(body: AsyncGenerator[bytes], limit: int) -> bytes:
    """The async version of `read_up_to`."""
    parts: list[bytes] = []
    size = 0
    async with aclosing(body) as chunks:
        async for chunk in chunks:
            parts.append(chunk)
            size += len(chunk)
            if size > limit:
                break
    return b"".join(parts)


def _checked(content: bytes, status: int) -> bytes:
    if len(content) > MAX_BODY:
        raise InvalidResponseError(
            f"The reply is longer than {MAX_BODY // MIB} MiB; files.download writes larger files to the disk.",
            status_code=status,
        )
    return content
