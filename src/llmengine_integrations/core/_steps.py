"""Several requests in a row, as a generator that yields what to do next and receives the answer.

A flow does no I/O and reads no clock: it yields steps, and a transport (`SyncTransport`, `AsyncTransport`) performs them. A step that
fails raises inside the flow, at its `yield`. Tests play the transport with `.send()` and `.throw()`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from ._operation import Operation

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Sleep:
    """Do nothing for a while; answered with None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Now:
    """Answered with the seconds of a monotonic clock."""


@dataclass(frozen=True, slots=True)
class Local:
    """Call a function that blocks because it reads or writes a file; answered with its return value.

    The asynchronous transport calls it in a thread, which continues when the task is cancelled. So it must leave nothing half done.
    """

    work: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Emit(Generic[T_co]):
    """Yield an item to the caller that iterates over the flow; answered with None."""

    item: T_co


class Transfer(ABC):
    """Move files from the network to this machine (`downloads/`); answered with their paths.

    `transport` is the transport that performs this step. Transports import the steps, so the steps cannot name their types.
    """

    @abstractmethod
    def run(self, transport: Any) -> Any:
        """Move the files, blocking."""

    @abstractmethod
    async def arun(self, transport: Any) -> Any:
        """Move the files without blocking the event loop."""


Step: TypeAlias = Operation[Any] | Sleep | Now | Local | Transfer

Flow: TypeAlias = Generator[Step, Any, T]
"""Yields steps, receives their answers, and returns the result."""

Feed: TypeAlias = Generator[Step | Emit[T], Any, None]
"""A flow whose results are the items that it emits as it runs."""


@dataclass(frozen=True, slots=True)
class Done:
    """A flow has returned."""

    result: Any


def advance(flow: Generator[T, Any, Any], answer: object = None, error: Exception | None = None) -> T | Done:
    """Answer a flow's last step, or raise its error there, and return the next step. The first call has no answer."""
    try:
        return flow.send(answer) if error is None else flow.throw(error)
    except StopIteration as end:
        return Done(end.value)
