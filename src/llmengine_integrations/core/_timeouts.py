"""How long to wait for each part of a request, and for the whole request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

from ._foreign_errors import fail
from .errors import APITimeoutError, ConfigurationError, LLMEngineError

T = TypeVar("T")

CONNECT = 5.0
"""Seconds to wait for a connection, unless the caller sets a shorter time."""
_LEAST = 0.001
_FOR_EVER = 2_000_000.0
"""Seconds, 23 days. Sockets count milliseconds, and accept at most 2**31 of them."""
READ = 600.0
"""Seconds to wait for the next bytes. The gateway itself waits up to five minutes for a cold model before it answers."""


class TimeoutParts(Protocol):
    """The attributes of an `httpx.Timeout`; read-only, like those of a `Timeout`."""

    @property
    def connect(self) -> float | None:
        """Seconds to connect."""
        ...

    @property
    def read(self) -> float | None:
        """Seconds to wait for the next bytes."""
        ...

    @property
    def write(self) -> float | None:
        """Seconds until the server must accept the next bytes."""
        ...

    @property
    def pool(self) -> float | None:
        """Seconds to wait for a free connection."""
        ...


TimeoutLike: TypeAlias = float | TimeoutParts
"""Seconds without a byte, an `httpx.Timeout`, or a `Timeout`."""


@dataclass(frozen=True, slots=True)
class Timeout:
    """Seconds to wait for each part of a request; None waits forever.

    Attributes:
        connect: For a connection.
        read: For the next bytes.
        write: For the server to accept the next bytes.
        pool: For a free connection, if all of the client's connections are in use.
        total: For the whole request: its retries, and its reply (or stream) to the end.
    """

    connect: float | None = CONNECT
    read: float | None = READ
    write: float | None = READ
    pool: float | None = READ
    total: float | None = None

    @classmethod
    def of(cls, value: TimeoutLike | None) -> Timeout:
        """Return a timeout: seconds apply to every part, except that a connection is not waited for longer than `CONNECT`.

        Raises:
            ConfigurationError: A part is not a positive number.
        """
        if value is None:
            return cls()
        if isinstance(value, int | float):
            made = cls(connect=min(CONNECT, value), read=value, write=value, pool=value)
        else:
            total: float | None = getattr(value, "total", None)
            made = cls(connect=value.connect, read=value.read, write=value.write, pool=value.pool, total=total)
        parts = (made.connect, made.read, made.write, made.pool, made.total)
        for part in parts:
            if part is not None and not part > 0:  # so that NaN fails too
                raise ConfigurationError(f"The timeout {value!r} is not positive; None waits for ever.")
        return cls(*(None if part is not None and part > _FOR_EVER else part for part in parts))

    def capped(self, seconds: float | None) -> Timeout:
        """Return this timeout with every part limited to `seconds`; None limits nothing."""
        if seconds is None or seconds > _FOR_EVER:
            return self
        parts = (self.connect, self.read, self.write, self.pool, self.total)
        return Timeout(*(seconds if part is None else min(part, seconds) for part in parts))

    def until(self, deadline: float | None) -> Timeout:
        """Return this timeout with every part limited to the time left until `deadline`, on `time.monotonic`'s clock."""
        return self if deadline is None else self.capped(max(_LEAST, deadline - time.monotonic()))


class DeadlineTimeout(float):
    """A timeout in seconds that also ends at a deadline, on `time.monotonic`'s clock.

    httpx and httpcore pass timeouts down unchanged, but read them only once for a whole reply. The streams of
    `transport/httpx_backend/sockets.py` check the deadline at every read and write.
    """

    __slots__ = ("deadline",)
    deadline: float

    @classmethod
    def of(cls, seconds: float | None, deadline: float | None) -> float | None:
        """Return the timeout, with the deadline if there is one."""
        if deadline is None:
            return seconds
        made = cls(max(0.0, deadline - time.monotonic()) if seconds is None else seconds)
        made.deadline = deadline
        return made


async def in_time(work: Awaitable[T], deadline: float) -> T:
    """Await `work` until the deadline, on `time.monotonic`'s clock.

    Raises:
        APITimeoutError: The deadline has passed.
    """
    guard = asyncio.timeout(deadline - time.monotonic())
    task = asyncio.current_task()
    cancelled = task.cancelling() if task else 0
    try:
        async with guard:
            return await work
    except TimeoutError as error:
        if isinstance(error, LLMEngineError) or not guard.expired():
            raise
        fail(APITimeoutError(timeout_reason(sent=True)), error)
    except asyncio.CancelledError as error:
        # Before Python 3.11.3, `timeout` raises this instead in a task that cleans up after it was cancelled.
        if not guard.expired() or task is None or task.cancelling() > cancelled:
            raise
        fail(APITimeoutError(timeout_reason(sent=True)), error)


def timeout_reason(*, sent: bool) -> str:
    """Return the message of a timeout. `sent` says whether the request was sent."""
    return "No reply in time." if sent else "No connection in time."
