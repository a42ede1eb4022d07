"""The time as the gateway writes it."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Now in UTC, without a zone, as the gateway writes times."""
    return datetime.now(UTC).replace(tzinfo=None)
