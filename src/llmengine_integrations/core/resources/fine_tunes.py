"""Fine-tuning jobs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...wire.fine_tunes import (
    SUFFIX,
    FineTune,
    FineTuneCancelled,
    FineTuneCreated,
    FineTuneEvent,
    FineTuneEventList,
    FineTuneList,
)
from .._operation import Operation, Request, path_segment
from .._polling import MAX_POLL_INTERVAL, POLL_INTERVAL, JobWatch
from .._resource import Resource, TransportT, endpoint, flow_endpoint, follow_endpoint
from .._steps import Emit, Feed, Flow
from ..errors import InvalidArgumentError, LLMEngineError, NotFoundError

if TYPE_CHECKING:
    from .._timeouts import TimeoutLike


class FineTunes(Resource[TransportT]):
    """Train a model on your own examples, and follow its training."""

    @endpoint
    def create(
        self,
        model: str,
        training_file: str,
        *,
        validation_file: str | None = None,
        hyperparameters: Mapping[str, str | int | float | Mapping[str, Any]] | None = None,
        suffix: str | None = None,
        wandb_config: Mapping[str, Any] | None = None,
        timeout: TimeoutLike | None = None,
    ) -> Operation[FineTuneCreated]:
        """Start a fine-tuning job. `POST /v1/llm/fine-tunes`.

        It is never sent twice. After an APIConnectionError, check `list` before you try again.

        Args:
            model: The base model, such as "llama-2-7b".
            training_file: A file's id (`files.upload`), or a URL that the server can read. CSV with a header, or JSON lines, with the
                columns prompt and response, or input and output. At least 200 rows are advised; 100,000 is the maximum.
            validation_file: The same for validation. Without it, a tenth of the training file is set aside.
            hyperparameters: `lr` (0.002 by default), `warmup_ratio` (0.03), `epochs` (5; fewer than 20), `weight_decay` (0.001),
                `peft_config` (an object), `report_to` ("wandb"), and whatever else the server's training understands.
            suffix: Part of the new model's name, `model.suffix.date-time`: 1 to 28 letters, digits and dashes.
            wandb_config: Weights & Biases settings; must contain `api_key`.
            timeout: Seconds to wait for the next byte, instead of the client's; or an `httpx.Timeout`.

        Raises:
            InvalidArgumentError: The suffix is invalid, or the model or the training file is empty.
            NotFoundError: The training or validation file does not exist.
            BadRequestError: The file cannot be read or lacks the columns, the model cannot be tuned, a hyperparameter that it needs
                is missing, or the quota of jobs is reached.
        """
        if not model or not training_file:
            raise InvalidArgumentError(f"The {'training file' if model else 'model'}'s name is empty.")
        if suffix is not None and not re.fullmatch(SUFFIX, suffix):
            raise InvalidArgumentError(f"The suffix must be 1 to 28 letters, digits and dashes, not {suffix!r}.")
        optional = {"validation_file": validation_file, "suffix": suffix, "wandb_config": wandb_config}
        body = {"model": model, "training_file": training_file, "hyperparameters": hyperparameters or {}}
        body |= {name: value for name, value in optional.items() if value is not None}
        request = Request(method="POST", path=_PATH, json=body, repeatable=False, timeout=timeout)
        return Operation(request, FineTuneCreated)

    @endpoint
    def get(self, fine_tune_id: str) -> Operation[FineTune]:
        """Return one job. `GET /v1/llm/fine-tunes/{id}`.

        Raises:
            NotFoundError: The job does not exist, or was cancelled: the gateway then forgets it.
        """
        return _get(fine_tune_id)

    @endpoint
    def list(self) -> Operation[FineTuneList]:
        """List your fine-tunes. `GET /v1/llm/fine-tunes`.

        The reply can be iterated, indexed and measured like a list of `FineTune`. The gateway also lists your batch jobs on this route;
        they are in the reply's `batch_jobs`.
        """
        return Operation(Request(method="GET", path=_PATH), FineTuneList)

    @flow_endpoint
    def cancel(self, fine_tune_id: str, *, missing_ok: bool = False) -> Flow[FineTuneCancelled]:
        """Cancel a job. `PUT /v1/llm/fine-tunes/{id}/cancel`.

        Args:
            fine_tune_id: The job's id.
            missing_ok: Whether a missing job is not an error. The reply's `success` is False then.

        Raises:
            NotFoundError: The job does not exist.
        """
        request = Request(method="PUT", path=f"{_path(fine_tune_id)}/cancel")
        reply: FineTuneCancelled = yield Operation(request, FineTuneCancelled)
        if not reply.success and not missing_ok:
            message = (
                f"There is no fine-tune {fine_tune_id!r} to cancel: its id is wrong, or it has ended, or it is gone."
            )
            raise NotFoundError(message, body=reply.model_dump())
        return reply

    @endpoint
    def events(self, fine_tune_id: str) -> Operation[FineTuneEventList]:
        """Return the events of a job so far, oldest first. `GET /v1/llm/fine-tunes/{id}/events`.

        The reply can be iterated, indexed and measured like a list of `FineTuneEvent`; an event's `metrics` are the numbers in it.

        Raises:
            NotFoundError: The job does not exist, or has no events yet.
        """
        return _get_events(fine_tune_id)

    @flow_endpoint
    def wait(
        self,
        fine_tune_id: str,
        *,
        poll_interval: float = POLL_INTERVAL,
        max_poll_interval: float = MAX_POLL_INTERVAL,
        timeout: float | None = None,
        on_status: Callable[[FineTune], object] | None = None,
    ) -> Flow[FineTune]:
        """Wait until a job has succeeded, and return it. Polls `GET /v1/llm/fine-tunes/{id}`.

        Args:
            fine_tune_id: The job's id.
            poll_interval: Seconds until the second poll; each pause is 1.5 times the one before.
            max_poll_interval: The longest pause, in seconds.
            timeout: The total time to wait, in seconds; no limit by default.
            on_status: Called with the job whenever its status changes, and with its first status.

        Raises:
            JobFailedError: The job failed, was cancelled (the gateway then forgets it) or took too long. Its `events` are the last ones.
            JobTimeoutError: Time is up; the job keeps running.
            NotFoundError: The job does not exist.
            APIConnectionError: The server cannot be reached at first, or in six polls in a row. The same holds for a ServerError.
        """
        watch = _watch(fine_tune_id, poll_interval, max_poll_interval, timeout, on_status)
        job = yield from watch.done()
        if job.succeeded:
            return job
        with suppress(LLMEngineError):  # the job's failure is more important
            watch.events = (yield from _events(watch, _get_events(fine_tune_id)))[-_LAST:]
        raise watch.failed()

    @follow_endpoint
    def follow(
        self,
        fine_tune_id: str,
        *,
        poll_interval: float = POLL_INTERVAL,
        max_poll_interval: float = MAX_POLL_INTERVAL,
        timeout: float | None = None,
        on_status: Callable[[FineTune], object] | None = None,
    ) -> Feed[FineTuneEvent]:
        """Iterate over the events of a job until it has succeeded. Each event comes once, starting with the existing ones.

        Between two polls (`GET /v1/llm/fine-tunes/{id}`, then `.../events`) it waits, and longer while nothing happens. Nothing is held
        open, so the iterator may be dropped or closed at any time.

        Args:
            fine_tune_id: The job's id.
            poll_interval: Seconds until the next poll after something has happened; 1.5 times as long each time when nothing has.
            max_poll_interval: The longest pause, in seconds.
            timeout: The total time to follow, in seconds; no limit by default.
            on_status: Called with the job whenever its status changes, and with its first status.

        Raises:
            JobFailedError: The job failed, was cancelled (the gateway then forgets it) or took too long. Its `events` are the last ones.
            JobTimeoutError: Time is up; the job keeps running.
            NotFoundError: The job does not exist.
            APIConnectionError: The server cannot be reached at first, or in six polls in a row. The same holds for a ServerError.
        """
        return _follow(fine_tune_id, _watch(fine_tune_id, poll_interval, max_poll_interval, timeout, on_status))


_PATH = "/v1/llm/fine-tunes"
_LAST = 10
"""The number of events in a JobFailedError."""


def _path(fine_tune_id: str) -> str:
    return f"{_PATH}/{path_segment(fine_tune_id, 'fine-tune id')}"


def _get(fine_tune_id: str) -> Operation[FineTune]:
    return Operation(Request(method="GET", path=_path(fine_tune_id)), FineTune)


def _get_events(fine_tune_id: str) -> Operation[FineTuneEventList]:
    return Operation(Request(method="GET", path=f"{_path(fine_tune_id)}/events"), FineTuneEventList)


def _watch(
    fine_tune_id: str,
    poll_interval: float,
    max_poll_interval: float,
    timeout: float | None,
    on_status: Callable[[FineTune], object] | None,
) -> JobWatch[FineTune]:
    operation = _get(fine_tune_id)
    watch = JobWatch(
        f"Fine-tune {fine_tune_id}",
        lambda: watch.send(operation),
        poll_interval=poll_interval,
        max_poll_interval=max_poll_interval,
        timeout=timeout,
        on_status=on_status,
    )
    return watch


def _follow(fine_tune_id: str, watch: JobWatch[FineTune]) -> Feed[FineTuneEvent]:
    operation = _get_events(fine_tune_id)
    seen = 0
    while True:
        job = yield from watch.refresh()  # before the events: once it is done, no events are added
        events = yield from watch.retrying(lambda: _events(watch, operation))
        watch.events = events[-_LAST:] or watch.events
        if events[seen:]:
            watch.poll_soon()
        for event in events[seen:]:
            yield Emit(event)
        seen = max(seen, len(events))
        if job.done:
            break
        yield from watch.pause()
    if not job.succeeded:
        raise watch.failed()


def _events(watch: JobWatch[FineTune], operation: Operation[FineTuneEventList]) -> Flow[list[FineTuneEvent]]:
    try:
        reply = yield from watch.send(operation)
    except NotFoundError:  # no events yet, or the job is gone, which the next poll shows
        return []
    return reply.events
