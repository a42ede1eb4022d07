"""Runs the batch jobs, one after the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from llmengine_integrations.engine.runtime.generation import GenerationError
from llmengine_integrations.engine.store.batch_jobs import Batch

from .batch_job import BatchJobServices, Job, JobError

_log = logging.getLogger(__name__)

_LOOK = 0.05  # seconds between checks whether the models are ready
_PAUSE = 5.0  # seconds after a failure of the database, or of its disk


class BatchRunner:
    """Works on the jobs of a store, on the event loop: one at a time, the highest priority first.

    Args:
        services: what jobs need to run.
    """

    def __init__(self, services: BatchJobServices) -> None:
        self._services = services
        self._woken = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._current: tuple[str, asyncio.Task[None]] | None = None

    def start(self, ready: Callable[[], bool]) -> None:
        """Start with the existing jobs as soon as the models are ready. A job that was interrupted in an earlier engine continues."""
        self._running = asyncio.create_task(self._run(ready))

    def wake(self) -> None:
        """Look for jobs again, because there is a new one."""
        self._woken.set()

    def drop(self, job_id: str) -> None:
        """Stop working on a job that has been cancelled."""
        if self._current is not None and self._current[0] == job_id:
            self._current[1].cancel()

    def stop(self) -> None:
        """Stop working. The current job continues when the next engine starts."""
        if self._running is not None:
            self._running.cancel()

    async def _run(self, ready: Callable[[], bool]) -> None:
        while not ready():  # noqa: ASYNC110 - two parts of the engine get ready, and neither sends a signal
            await asyncio.sleep(_LOOK)
        while True:
            self._woken.clear()
            try:
                batch = await asyncio.to_thread(self._services.store.next)
                if batch is None:
                    await self._woken.wait()
                else:
                    await self._attend(batch)
            except GenerationError:  # the engine is shutting down
                return
            except Exception:  # noqa: BLE001 - logged; the next jobs may succeed
                _log.exception("batch jobs cannot be worked on")
                await asyncio.sleep(_PAUSE)

    async def _attend(self, batch: Batch) -> None:
        """Work on a job, until it ends or is dropped."""
        task = asyncio.create_task(self._do(batch))
        self._current = (batch.id, task)
        try:
            await asyncio.wait({task})
        finally:
            self._current = None
            task.cancel()
        with suppress(asyncio.CancelledError):  # dropped
            task.result()

    async def _do(self, batch: Batch) -> None:
        limit: int = batch.request["max_runtime_sec"]
        patience = asyncio.timeout(limit)
        try:
            async with patience:
                await Job(batch, self._services).run()
                return
        except JobError as error:
            reason = str(error)
        except GenerationError:
            raise
        except Exception as error:  # noqa: BLE001 - logged, and reported to the client that asks for the job
            if isinstance(error, TimeoutError) and patience.expired():
                reason = f"It was not done within {limit} seconds, its max_runtime_sec."
            else:
                _log.exception("%s failed", batch.id)
                reason = "Something went wrong in the engine; its log says what."
        if await asyncio.to_thread(self._services.store.fail, batch, reason):
            _log.warning("%s failed: %s", batch.id, reason)
