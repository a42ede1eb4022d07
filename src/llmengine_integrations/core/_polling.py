"""Waits for a job: polls it at growing intervals, despite temporary failures, until it is done or time is up. No I/O happens here."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from ._operation import Operation
from ._steps import Flow, Now, Sleep
from .errors import (
    APIConnectionError,
    InvalidArgumentError,
    JobFailedError,
    JobTimeoutError,
    NotFoundError,
    RateLimitError,
    ServerError,
)

POLL_INTERVAL = 1.0
"""Seconds between the first two polls."""
MAX_POLL_INTERVAL = 30.0
"""The longest pause, in seconds."""
GROWTH = 1.5
TOLERATED = 5
"""The number of consecutive failures that a wait survives once it has seen the job. Each comes after the client's own retries."""
LAST_CALL = 1.0
"""The minimum time for a request, in seconds, however close the deadline is."""
_PASSING = (APIConnectionError, RateLimitError, ServerError)


class PollableJob(Protocol):
    """A job that can be waited for."""

    status: str

    @property
    def done(self) -> bool:
        """Whether it has reached its final state."""
        ...


class JobEvent(Protocol):
    """An event of the job."""

    message: str


T = TypeVar("T")
JobT = TypeVar("JobT", bound=PollableJob)
ReplyT = TypeVar("ReplyT", bound="BaseModel")


class JobWatch(Generic[JobT]):
    """One wait for one job.

    `look` is the flow that fetches the job. It sends its requests with `send`, so that none outlasts the deadline.

    Attributes:
        job: The latest state of the job.
        events: Its latest events, as far as they were fetched.
    """

    def __init__(
        self,
        name: str,
        look: Callable[[], Flow[JobT]],
        *,
        poll_interval: float,
        max_poll_interval: float,
        timeout: float | None,
        on_status: Callable[[JobT], object] | None = None,
    ) -> None:
        waits = (poll_interval, max_poll_interval, timeout or 0)
        if not all(seconds >= 0 for seconds in waits):  # so that NaN fails too
            raise InvalidArgumentError("Seconds to wait are 0 or more.")
        self.job: JobT | None = None
        self.events: Sequence[JobEvent] = ()
        self._name = name
        self._look = look
        self._first = self._interval = poll_interval
        self._longest = max(poll_interval, max_poll_interval)
        self._timeout = timeout
        self._deadline: float | None = None
        self._on_status = on_status

    def done(self) -> Flow[JobT]:
        """Wait until the job is done, and return it.

        Raises:
            JobTimeoutError: Time is up.
            JobFailedError: The job is gone.
        """
        job = yield from self.refresh()
        while not job.done:
            yield from self.pause()
            job = yield from self.refresh()
        return job

    def refresh(self) -> Flow[JobT]:
        """Fetch the job once."""
        try:
            job = yield from self.retrying(self._look)
        except NotFoundError as error:
            if self.job is None:
                raise
            raise self._gone() from error
        news = self.job is None or self.job.status != job.status
        self.job = job
        if news and self._on_status is not None:
            self._on_status(job)
        return job

    def retrying(self, attempt: Callable[[], Flow[T]]) -> Flow[T]:
        """Fetch something. After a temporary failure, pause and try again."""
        failures = 0
        while True:
            try:
                return (yield from attempt())
            except _PASSING:
                failures += 1
                if self.job is None or failures > TOLERATED:
                    raise
            yield from self.pause()

    def send(self, operation: Operation[ReplyT]) -> Flow[ReplyT]:
        """Send a request that does not wait beyond the deadline."""
        left = yield from self._left()
        if left is not None:
            operation = replace(operation, request=replace(operation.request, at_most=max(left, LAST_CALL)))
        reply: ReplyT = yield operation
        return reply

    def pause(self) -> Flow[None]:
        """Wait before the next poll, longer each time."""
        left = yield from self._left()
        if left is not None and left <= 0:
            message = f"{self._name} still has status {self._status} after {self._timeout:g} s; it goes on."
            raise JobTimeoutError(message, job=self.job)
        yield Sleep(self._interval if left is None else min(self._interval, left))
        self._interval = min(self._interval * GROWTH, self._longest)

    def poll_soon(self) -> None:
        """Make the pauses short again, because something happened."""
        self._interval = self._first

    def failed(self) -> JobFailedError:
        """Return the error for a job that ended without success."""
        said = f": {self.events[-1].message}" if self.events else "."
        return self._error(f"{self._name} ended with status {self._status}{said}")

    def _gone(self) -> JobFailedError:
        return self._error(f"{self._name} is gone, as a cancelled job is; its last status was {self._status}.")

    def _error(self, message: str) -> JobFailedError:
        return JobFailedError(message, job=self.job, events=self.events)

    @property
    def _status(self) -> str:
        return "unknown" if self.job is None else self.job.status

    def _left(self) -> Generator[Now, float, float | None]:
        if self._timeout is None:
            return None
        now = yield Now()
        if self._deadline is None:
            self._deadline = now + self._timeout
        return self._deadline - now
