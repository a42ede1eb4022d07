"""Several completions of one request: the `n` choices, and the prompts of a list."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from ..runtime.dispatcher import Runtimes
from ..runtime.generation import Generation, GenerationError, GenerationRequest, Piece
from ..runtime.runtime import QueueFullError
from .errors import RefusedError

_MOST_CHOICES = 2048  # per request: a list of prompts may be long, and each choice takes memory before it is refused


def check_number(choices: int) -> None:
    """Refuse more choices than a request may have. Call this before creating them: a short request can ask for billions.

    Raises:
        RefusedError: 400 that states the limit.
    """
    if choices > _MOST_CHOICES:
        raise RefusedError(
            400, f"n, best_of and prompt: a request can have {_MOST_CHOICES} choices, and this one asks for more."
        )


class Arrival(NamedTuple):
    """Pieces of one choice."""

    choice: int
    pieces: list[Piece]


class Choices:
    """The completions of a request, which are submitted and cancelled together."""

    def __init__(self, requests: Sequence[GenerationRequest]) -> None:
        check_number(len(requests))
        self._generations = [Generation(request) for request in requests]
        self._open = set(range(len(requests)))
        self._tasks: dict[int, asyncio.Task[list[Piece]]] = {}

    def submit(self, runtimes: Runtimes, model: str) -> None:
        """Queue all completions.

        Raises:
            QueueFullError: they do not all fit into the queue; none of them stays there.
            RefusedError: the model does not support the request, or the engine is shutting down.
        """
        try:
            for generation in self._generations:
                runtimes.submit(model, generation)
        except QueueFullError:
            self.cancel()
            raise
        except GenerationError as error:
            self.cancel()
            raise RefusedError(error.status_code, error.message) from error

    @property
    def finished(self) -> bool:
        """Whether every choice's last piece has been taken."""
        return not self._open

    def cancel(self) -> None:
        """Stop generating all of them. Does nothing to completions that have already ended."""
        for generation in self._generations:
            generation.cancel()
        for task in self._tasks.values():
            if not task.cancel() and not task.cancelled():
                task.exception()  # retrieve it, so that asyncio does not warn that it never was

    async def all_pieces(self) -> list[list[Piece]]:
        """Wait until all choices are finished, and return the pieces of each.

        Raises:
            GenerationError: one of them failed.
        """
        found: list[Arrival] = []
        while not self.finished:
            found += await self.take()
        found.sort(key=lambda arrival: arrival.choice)
        grouped = groupby(found, key=lambda arrival: arrival.choice)
        return [[piece for arrival in arrivals for piece in arrival.pieces] for _, arrivals in grouped]

    async def take(self, timeout: float | None = None) -> list[Arrival]:  # noqa: ASYNC109 - the awaited work continues
        """Wait for pieces of any choice. Returns an empty list after the timeout.

        Raises:
            GenerationError: one of them failed.
        """
        for index in self._open - self._tasks.keys():
            self._tasks[index] = asyncio.create_task(self._generations[index].take())
        done, _ = await asyncio.wait(self._tasks.values(), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        arrived = sorted(index for index, task in self._tasks.items() if task in done)
        return [self._arrival(index) for index in arrived]

    def _arrival(self, index: int) -> Arrival:
        pieces = self._tasks.pop(index).result()
        if pieces[-1].finished:
            self._open.discard(index)
        return Arrival(index, pieces)
