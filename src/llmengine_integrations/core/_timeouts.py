"""How long to wait for each part of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

CONNECT = 5.0
"""Seconds to wait for a connection, unless the caller asks for less."""
READ = 600.0
"""Seconds to wait for the next bytes: the gateway itself waits up to five minutes for a cold model before it answers."""


class TimeoutParts(Protocol):
    """The attributes of an `httpx.Timeout`."""

    connect: float | None
    read: float | None
    write: float | None
    pool: float | None


TimeoutLike: TypeAlias = float | TimeoutParts
"""Seconds without a byte, or an `httpx.Timeout`."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for each part of a request; None waits for ever."""

    connect: float | None = CONNECT
    read: float | None = READ
    write: float | None = READ
    pool: float | None = READ

    @classmethod
    def of(cls, value: TimeoutLike | None) -> Timeouts:
        """Seconds apply to every part, but a connection is not waited for longer than `CONNECT`."""
        if value is None:
            return cls()
        if isinstance(value, int | float):
            return cls(connect=min(CONNECT, value), read=value, write=value, pool=value)
        return cls(connect=value.connect, read=value.read, write=value.write, pool=value.pool)
