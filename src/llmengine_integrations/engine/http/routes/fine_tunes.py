"""The routes of fine-tunes: `/v1/llm/fine-tunes`.

As in the gateway, a cancelled job is removed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Required, cast

from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from typing_extensions import TypedDict

from llmengine_integrations.wire.fine_tunes import (
    SUFFIX,
    FineTune,
    FineTuneCancelled,
    FineTuneCreated,
    FineTuneEventList,
    FineTuneList,
    HyperparameterValue,
)

from ...clock import utc_now
from ...dialect.errors import RefusedError
from ...dialect.fields import check_unicode
from ...registry import Endpoint, Registry
from ...runtime.generation import GenerationError
from ...store import FineTuneStore, Job
from ...store.batch_jobs import Batch, BatchStore
from ...tuning.fine_tuner import FineTuner, QueueOfJobsFullError
from ...tuning.hyperparameters import HyperparameterError, Hyperparameters, read_hyperparameters
from ...tuning.training_files import TrainingFiles
from ...tuning.training_folder import TRAINING, VALIDATION, JobSettings
from ..auth import Authenticator
from ..error_replies import json_reply
from ..request_bodies import read_body, validated

_NOT_FOUND = "The specified fine-tune job could not be found."
_NO_EVENTS = "The specified fine-tune job's events could not be found."
_BAD_SUFFIX = (
    "User-provided suffix is invalid, must only contain alphanumeric characters and dashes and be at most 28 characters"
)
_NOT_REPORTED = "This engine reports to no Weights & Biases project: the numbers are in these events."
_STATUSES = {
    "queued": "PENDING",
    "running": "RUNNING",
    "completed": "SUCCESS",
    "failed": "FAILURE",
    "cancelled": "CANCELLED",
}
_LONGEST_NAME = 62  # characters: the gateway's limit, for a Kubernetes label
# The number of files that are fetched and checked at a time. Each occupies one of 40 threads, for minutes if a server is slow.
_READERS = 8


class _Fields(TypedDict, total=False):
    """A request for a fine-tune. Unlike in the client, an invalid suffix gets its own 400 here."""

    model: Required[str]
    training_file: Required[str]
    validation_file: str | None
    hyperparameters: Required[dict[str, HyperparameterValue]]
    suffix: str | None
    wandb_config: dict[str, Any] | None


_REQUEST: TypeAdapter[_Fields] = TypeAdapter(_Fields)


class FineTuneRoutes:
    """Fine-tuning jobs.

    Args:
        fine_tunes: stores the jobs.
        batches: the batch jobs, which are listed together with fine-tunes, as in the gateway.
        files: reads the training and validation files.
        tuner: runs the jobs.
        registry: the models of the engine.
        authenticator: checks keys.
    """

    def __init__(
        self,
        fine_tunes: FineTuneStore,
        batches: BatchStore,
        files: TrainingFiles,
        tuner: FineTuner,
        registry: Registry,
        authenticator: Authenticator,
    ) -> None:
        self._fine_tunes = fine_tunes
        self._batches = batches
        self._files = files
        self._tuner = tuner
        self._registry = registry
        self._authenticator = authenticator
        self._naming = asyncio.Lock()
        self._reading = asyncio.Semaphore(_READERS)

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes, for the application."""
        path = "/v1/llm/fine-tunes"
        return [
            Route(path, self._create, methods=["POST"]),
            Route(path, self._list, methods=["GET"]),
            Route(f"{path}/{{fine_tune_id}}", self._get, methods=["GET"]),
            Route(f"{path}/{{fine_tune_id}}/cancel", self._cancel, methods=["PUT"]),
            Route(f"{path}/{{fine_tune_id}}/events", self._events, methods=["GET"]),
        ]

    async def _create(self, request: Request) -> Response:
        fields = validated(await read_body(request, self._authenticator), _REQUEST)
        check_unicode(cast("Mapping[str, object]", fields))
        options = _checked(fields)
        base = self._base(fields["model"])
        try:
            self._tuner.check_room()
        except QueueOfJobsFullError as error:
            raise RefusedError(400, "As many fine-tunes wait as this engine takes: wait, or cancel some.") from error
        await self._check_served(fields["model"], base.model, options)
        with self._fine_tunes.prepare() as folder:
            async with self._reading:
                await run_in_threadpool(self._copy_rows, fields, base.folder, folder)
            job = await self._add(fields, base.model, options, folder)
        if options.report_to is not None or fields.get("wandb_config"):
            await run_in_threadpool(partial(self._fine_tunes.note, level="warning"), job.id, _NOT_REPORTED)
        self._tuner.submit(job)
        return json_reply(FineTuneCreated(id=job.id))

    async def _list(self, request: Request) -> Response:
        self._authenticator.check(request.headers)
        fine_tunes = await run_in_threadpool(self._fine_tunes.all)
        batches = await run_in_threadpool(self._batches.all)
        return json_reply(FineTuneList(jobs=[*fine_tunes, *map(_listed, batches)]))

    async def _get(self, request: Request) -> Response:
        self._authenticator.check(request.headers)
        found = await run_in_threadpool(self._fine_tunes.get, request.path_params["fine_tune_id"])
        if found is None:
            raise RefusedError(404, _NOT_FOUND)
        return json_reply(found)

    async def _cancel(self, request: Request) -> Response:
        self._authenticator.check(request.headers)
        return json_reply(FineTuneCancelled(success=await self._tuner.cancel(request.path_params["fine_tune_id"])))

    async def _events(self, request: Request) -> Response:
        self._authenticator.check(request.headers)
        events = await run_in_threadpool(self._fine_tunes.events, request.path_params["fine_tune_id"])
        if events is None:
            raise RefusedError(404, _NO_EVENTS)
        return json_reply(FineTuneEventList(events=events))

    def _base(self, name: str) -> Endpoint:
        found = self._registry.get(name)
        if found is not None and found.tuned is None:
            return found
        reason = "" if found is None else f": it is fine-tuned itself. Fine-tune {found.model} with the rows of both."
        raise RefusedError(400, f"Fine-tuning not implemented for model type {name}{reason}")

    async def _check_served(self, name: str, base: str, options: Hyperparameters) -> None:
        try:
            await self._tuner.check(base, options)
        except GenerationError as error:
            raise RefusedError(error.status_code, error.message) from error
        except ValueError as error:
            raise RefusedError(400, f"The fine-tuned {name} could not be served: {error}") from error

    def _copy_rows(self, fields: _Fields, model: Path, folder: Path) -> None:
        self._files.copy(fields["training_file"], folder / TRAINING, purpose="training", model=model)
        validation = fields.get("validation_file")
        if validation is not None:
            self._files.copy(validation, folder / VALIDATION, purpose="validation", model=model)

    async def _add(self, fields: _Fields, base: str, options: Hyperparameters, folder: Path) -> Job:
        async with self._naming:
            taken = await run_in_threadpool(self._fine_tunes.names) | set(self._registry.names)
            name = model_name(fields["model"], fields.get("suffix"), utc_now(), taken)
            JobSettings(name=name, base=base, hyperparameters=options).write(folder)
            return await run_in_threadpool(self._fine_tunes.add, folder, base=base, fine_tuned_model=name)


def model_name(model: str, suffix: str | None, now: datetime, taken: Iterable[str]) -> str:
    """The name of a new model, `model[.suffix].YYMMDD-HHMMSS`. If that name is taken, the next second is used.

    As in the gateway, it has at most 62 characters and only those that Kubernetes accepts in a label.
    """
    head = re.sub(r"[^A-Za-z0-9._-]", "-", model)
    while True:
        tail = f".{suffix}" * bool(suffix) + now.strftime(".%y%m%d-%H%M%S")
        name = head[: _LONGEST_NAME - len(tail)] + tail
        if name not in taken:
            return name
        now += timedelta(seconds=1)


def _listed(batch: Batch) -> FineTune:
    """A batch job as an item of the list of fine-tunes. It has no fine-tuned model."""
    return FineTune(id=batch.id, fine_tuned_model=None, status=_STATUSES[batch.status])


def _checked(fields: _Fields) -> Hyperparameters:
    """The hyperparameters of a valid request.

    Raises:
        RefusedError: 400; the request is invalid.
    """
    suffix, wandb = fields.get("suffix"), fields.get("wandb_config")
    if suffix is not None and not re.fullmatch(SUFFIX, suffix):
        raise RefusedError(400, _BAD_SUFFIX)
    if wandb is not None and "api_key" not in wandb:
        raise RefusedError(400, "wandb_config must have an api_key")
    try:
        return read_hyperparameters(fields["hyperparameters"])
    except HyperparameterError as error:
        raise RefusedError(400, str(error)) from error
