from __future__ import annotations

import asyncio
import time

import pytest

from llmengine_integrations.core._timeouts import in_time
from llmengine_integrations.errors import APITimeoutError


async def test_a_call_that_cleans_up_after_a_cancelled_task_times_out_as_any_other():
    """Python before 3.11.3 calls it cancelled."""
    seen = []

    async def work():
        try:
            await asyncio.sleep(60)
        finally:
            with pytest.raises(APITimeoutError):
                await in_time(asyncio.sleep(60), time.monotonic() + 0.01)
            seen.append("timed out")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["timed out"]


async def test_a_task_that_is_cancelled_before_the_deadline_is_cancelled():
    task = asyncio.create_task(in_time(asyncio.sleep(60), time.monotonic() + 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
