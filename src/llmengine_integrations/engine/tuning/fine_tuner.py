"""The queue of fine-tunes: starts and cancels their trainings, publishes their models, and continues after a restart."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from pathlib import Path
from typing import Protocol

from llmengine_integrations.engine.registry import Registry
from llmengine_integrations.engine.runtime.runtime import ModelDescription
from llmengine_integrations.engine.store import FineTuneStore, Job, ModelStore, TunedModel

from .hyperparameters import Hyperparameters, LoraOptions
from .process import TrainingProcess, training
from .training_folder import ADAPTER, JobSettings
from .training_protocol import Event, Failed, Saved

_log = logging.getLogger(__name__)

_MAX_ATTEMPTS = 3
_MAX_WAITING = 100
_RETRY = 5.0  # seconds


class QueueOfJobsFullError(Exception):
    """The queue of fine-tunes is full."""


class Adapters(Protocol):
    """Runs adapters: the engine's runtimes."""

    async def load_adapter(self, name: str, *, base: str, folder: Path) -> None:
        """Load an adapter, so that completions can be requested from it."""
        ...

    async def check_tuning(self, base: str, options: LoraOptions) -> None:
        """Raise a ValueError with a reason of one line if an adapter with these options could not be served."""
        ...

    async def unload_adapter(self, name: str) -> None:
        """End an adapter's completions, and unload it."""
        ...

    def describe(self, name: str) -> ModelDescription | None:
        """Return the description of a model; None while it is loading."""
        ...


class FineTuner:
    """Trains one fine-tune after the other, or several at a time, each in its own process. Use it on the event loop only.

    Args:
        fine_tunes: stores the jobs.
        models: stores the models.
        registry: receives the models' names.
        adapters: runs the models.
        concurrency: the number of trainings at a time.
        threads: CPU threads of each training.
        device: the device that trainings run on; `auto` is the base model's device.
    """

    def __init__(
        self,
        fine_tunes: FineTuneStore,
        models: ModelStore,
        registry: Registry,
        adapters: Adapters,
        *,
        concurrency: int,
        threads: int,
        device: str = "auto",
    ) -> None:
        self._fine_tunes = fine_tunes
        self._models = models
        self._registry = registry
        self._adapters = adapters
        self._threads = threads
        self._device = device
        self._concurrency = concurrency
        self._waiting: asyncio.Queue[Job] = asyncio.Queue()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._starting: asyncio.Task[None] | None = None
        self._workers: list[asyncio.Task[None]] = []
        self.ready = False
        for model in models.all():
            registry.add(model)

    def start(self) -> None:
        """Start loading the existing models. After that, continue what an earlier engine has not finished."""
        self._starting = asyncio.create_task(self._start())

    async def stop(self) -> None:
        """Stop the trainings. Their jobs keep their state, and the next engine continues them."""
        starting = [] if self._starting is None else [self._starting]
        tasks = [*starting, *self._workers, *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def check_room(self) -> None:
        """Refuse a new job if the queue is full.

        Raises:
            QueueOfJobsFullError: the queue is full.
        """
        if self._waiting.qsize() >= _MAX_WAITING:
            raise QueueOfJobsFullError

    async def check(self, base: str, options: Hyperparameters) -> None:
        """Refuse a training whose result could not be served.

        Raises:
            ValueError: the result could not be served. One line that says why.
            GenerationError: the engine is shutting down.
        """
        await self._adapters.check_tuning(base, options.peft_config)

    def submit(self, job: Job) -> None:
        """Put a job into the queue."""
        self._waiting.put_nowait(job)

    async def cancel(self, fine_tune_id: str) -> bool:
        """Cancel a job: end its training and remove the job. Return False if no unfinished job has that id."""
        if not await asyncio.to_thread(self._fine_tunes.cancel, fine_tune_id):
            return False
        task = self._running.get(fine_tune_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await asyncio.to_thread(self._fine_tunes.tidy, fine_tune_id)
        return True

    async def delete(self, name: str) -> bool:
        """Delete a model and end its completions. Return False if no model has that name."""
        if not await asyncio.to_thread(self._models.forget, name):
            return False
        endpoint = self._registry.remove(name)
        if endpoint is not None:
            if endpoint.failure is None:
                await self._adapters.unload_adapter(name)
            await asyncio.to_thread(self._models.remove, endpoint.folder)
        return True

    async def _start(self) -> None:
        # All at once, so that they are loaded before the completions that are requested from them from now on.
        await asyncio.gather(*map(self._load, await asyncio.to_thread(self._models.all)))
        for job in await asyncio.to_thread(self._fine_tunes.active):
            self._waiting.put_nowait(job)
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._concurrency)]
        self.ready = True

    async def _load(self, model: TunedModel) -> None:
        try:
            if self._registry.folder_of(model.base) is None:
                raise ValueError(f"its base model {model.base} is not served")
            await self._adapters.load_adapter(model.name, base=model.base, folder=model.folder)
        except Exception as error:  # noqa: BLE001 - one bad model must not keep the others from being served
            _log.warning("The fine-tuned model %s is not available: %s", model.name, error)
            if self._registry.get(model.name) is not None:
                self._registry.add(model, failure=str(error))

    async def _work(self) -> None:
        while True:
            job = await self._waiting.get()
            task = asyncio.create_task(self._run(job))
            self._running[job.id] = task
            try:
                await asyncio.wait([task])
            finally:
                task.cancel()
                del self._running[job.id]

    async def _run(self, job: Job) -> None:
        """Train a job and publish its model. Any error ends the job, with an event that says why."""
        try:
            failure = await self._train(job)
        except Exception as error:  # noqa: BLE001 - a full disk or a broken database must not stop the queue
            _log.warning("The fine-tune %s failed.", job.id, exc_info=True)
            failure = f"The engine could not go on with the job: {error}"
        if failure is not None:
            await self._fail(job, failure)
        await asyncio.to_thread(self._fine_tunes.tidy, job.id)

    async def _fail(self, job: Job, reason: str) -> None:
        """Record a failure as soon as that is possible. The disk may be full because of this very job."""
        while True:
            try:
                await asyncio.to_thread(self._fine_tunes.fail, job.id, reason)
            except Exception:  # noqa: BLE001 - tried again, until the disk or the database works
                _log.exception("The end of the fine-tune %s cannot be noted yet.", job.id)
                await asyncio.to_thread(self._fine_tunes.tidy, job.id)
                await asyncio.sleep(_RETRY)
            else:
                return

    async def _train(self, job: Job) -> str | None:
        """Train a job and return the reason for a failure; None if it succeeded or was cancelled."""
        base = self._registry.folder_of(job.base)
        if base is None:
            return f"The model {job.base} is not served any more."
        if job.attempts >= _MAX_ATTEMPTS:
            return f"The engine went down {job.attempts} times during this training."
        if not await asyncio.to_thread(self._fine_tunes.begin, job.id):
            return None
        failure = None
        folder = self._fine_tunes.folder(job.id)
        if not await asyncio.to_thread(folder.is_dir):
            return f"The rows of this fine-tune are gone from the data folder: there is no {folder}."
        trained = folder / ADAPTER
        if not await asyncio.to_thread(trained.exists):  # an engine may have ended just before publishing it
            failure = await self._forecast(job, folder) or await self._run_training(job, base)
        if failure is None:
            await asyncio.shield(self._publish(job))
        return failure

    async def _forecast(self, job: Job, folder: Path) -> str | None:
        """Return why the result could not be served; None if it could. The model may have changed since the job was created."""
        settings = await asyncio.to_thread(JobSettings.read, folder)
        try:
            await self.check(job.base, settings.hyperparameters)
        except ValueError as error:
            return f"The fine-tuned model could not be served: {error}"
        return None

    async def _run_training(self, job: Job, base: Path) -> str | None:
        if job.attempts:
            note = partial(self._fine_tunes.note, level="warning")
            await asyncio.to_thread(note, job.id, "The engine was restarted during the training, which begins anew.")
        device = self._device
        if device == "auto":
            base_model = self._adapters.describe(job.base)
            device = "cpu" if base_model is None else base_model.device
        folder = self._fine_tunes.folder(job.id)
        async with training(folder, base, device=device, threads=self._threads) as process:
            return await self._listen(job, process)

    async def _listen(self, job: Job, process: TrainingProcess) -> str | None:
        async for message in process.messages():
            match message:
                case Event():
                    await asyncio.to_thread(self._fine_tunes.note, job.id, message.message, message.level)
                case Saved():
                    return None
                case Failed():
                    return message.reason
        return await process.failure_reason()

    async def _publish(self, job: Job) -> None:
        """Turn the adapter into a model. Do not interrupt this; it checks for a cancellation itself."""
        adapter = self._fine_tunes.folder(job.id) / ADAPTER
        take = partial(self._models.take, job.id, adapter, name=job.fine_tuned_model, base=job.base)
        model = await asyncio.to_thread(take)
        loaded = done = False
        try:
            await self._adapters.load_adapter(model.name, base=model.base, folder=model.folder)
            loaded = True
            self._registry.add(model)  # before the job reports the model
            done = await asyncio.to_thread(self._fine_tunes.succeed, job, model)
        finally:
            if loaded and not done:
                self._registry.remove(model.name)
                await self._adapters.unload_adapter(model.name)
            if not done:
                await asyncio.to_thread(self._models.remove, model.folder)
