"""How long to wait for each part of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from .errors import ConfigurationError

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
        """Seconds apply to every part, but a connection is not waited for longer than `CONNECT`.

        Raises:
            ConfigurationError: A part is no positive number.
        """
        if value is None:
            return cls()
        if isinstance(value, int | float):
            made = cls(connect=min(CONNECT, value), read=value, write=value, pool=value)
        else:
            made = cls(connect=value.connect, read=value.read, write=value.write, pool=value.pool)
        for part in (made.connect, made.read, made.write, made.pool):
            if part is not None and not part > 0:  # so that NaN fails as well
                raise ConfigurationError(f"The timeout {value!r} is not positive; None waits for ever.")
        return made

    def capped(self, seconds: float | None) -> Timeouts:
        """The same, but no part longer than this; None caps nothing."""
        if seconds is None:
            return self
        parts = (self.connect, self.read, self.write, self.pool)
        return Timeouts(*(seconds if part is None else min(part, seconds) for part in parts))
