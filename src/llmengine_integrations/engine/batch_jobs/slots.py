"""Generates for batch jobs, only a few completions at a time, so that interactive requests find places in the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TypeVar

from llmengine_integrations.engine.runtime.dispatcher import Runtimes
from llmengine_integrations.engine.runtime.generation import Generation, GenerationError, GenerationRequest, Piece
from llmengine_integrations.engine.runtime.runtime import QueueFullError
from llmengine_integrations.engine.runtime.statuses import STOPPING

from .batch_rows import RowError

_QUEUE_PAUSE = 0.1  # seconds until a full queue is tried again: interactive requests come first

_T = TypeVar("_T")


class Generator:
    """Runs completions for batch jobs.

    Args:
        runtimes: run the models.
        at_a_time: the largest number of completions at a time.
    """

    def __init__(self, runtimes: Runtimes, at_a_time: int) -> None:
        self.at_a_time = at_a_time
        self._runtimes = runtimes
        self._places = asyncio.Semaphore(at_a_time)

    async def generate(self, model: str, request: GenerationRequest) -> list[Piece]:
        """Return the pieces of a completion, when it has finished.

        Raises:
            RowError: the completion failed.
            GenerationError: the engine is shutting down.
        """
        async with self._places:
            generation = Generation(request)
            try:
                await self._submit(model, generation)
                return await generation.take()
            except GenerationError as error:
                if error.status_code == STOPPING:
                    raise
                raise RowError(error.status_code, error.message or "The model failed at this row.") from error
            finally:
                generation.cancel()

    async def _submit(self, model: str, generation: Generation) -> None:
        while True:
            try:
                self._runtimes.submit(model, generation)
            except QueueFullError:
                await asyncio.sleep(_QUEUE_PAUSE)
            else:
                return


async def all_of(work: Iterable[Coroutine[None, None, _T]]) -> list[_T]:
    """Run all at the same time and return their results. If one fails, the others are cancelled."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
