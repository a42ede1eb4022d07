"""The time in the gateway's format."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current time in UTC, without a time zone, as the gateway writes it."""
    return datetime.now(UTC).replace(tzinfo=None)
