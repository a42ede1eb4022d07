"""What must be over at some moment, on `time.monotonic`'s clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

from .._foreign_errors import fail
from ..errors import APITimeoutError, LLMEngineError
from .backend import timeout_reason

T = TypeVar("T")


async def in_time(work: Awaitable[T], deadline: float) -> T:
    """What an awaitable returns, if it does so before the deadline."""
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
        # Before Python 3.11.3, `timeout` says so in a task that cleans up after it was cancelled.
        if not guard.expired() or task is None or task.cancelling() > cancelled:
            raise
        fail(APITimeoutError(timeout_reason(sent=True)), error)
