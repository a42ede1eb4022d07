"""The generation thread: the one place where models are loaded and run, and its link to the event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeVarTuple, Unpack

from .generation import Generation, GenerationError
from .lane import Delivery, Lane

_log = logging.getLogger(__name__)

_STOPPING = "The engine is shutting down."
_Ts = TypeVarTuple("_Ts")


class QueueFullError(Exception):
    """As many completions wait as may."""


class Scheduler:
    """Runs the completions of all models in one thread, a token of each at a time.

    Completions may be submitted from the start: they wait until the models are loaded.

    Args:
        load: makes a lane for every model; called in the generation thread.
        max_waiting: completions that may wait for a place in a batch.
    """

    def __init__(self, load: Callable[[], Mapping[str, Lane]], *, max_waiting: int) -> None:
        self._load = load
        self._max_waiting = max_waiting
        self._lanes: Mapping[str, Lane] = {}
        self._submitted: deque[tuple[str, Generation]] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_ready: Callable[[], object] = _nothing
        self._on_failure: Callable[[Exception], object] = _nothing
        self._thread = threading.Thread(target=self._run, name="generation", daemon=True)
        self.ready = False

    def start(self, on_ready: Callable[[], object], on_failure: Callable[[Exception], object]) -> None:
        """Start loading, then generating. Call it on the event loop, where one of the callbacks is called after loading."""
        self._loop = asyncio.get_running_loop()
        self._on_ready = on_ready
        self._on_failure = on_failure
        self._thread.start()

    def submit(self, model: str, generation: Generation) -> None:
        """Queue a completion for a model.

        Raises:
            QueueFullError: too many wait already.
            GenerationError: the engine is shutting down.
        """
        with self._wake:
            if self._stopping:
                raise GenerationError(503, _STOPPING)
            if len(self._submitted) + sum(lane.num_waiting for lane in self._lanes.values()) >= self._max_waiting:
                raise QueueFullError
            self._submitted.append((model, generation))
            self._wake.notify()

    def device(self, model: str) -> str | None:
        """The kind of device that a model runs on; None while it is loading."""
        lane = self._lanes.get(model)
        return None if lane is None else lane.device

    def stop(self) -> None:
        """Give up all completions and end the thread after the token in hand. Call it on the event loop."""
        with self._wake:
            self._stopping = True
            self.ready = False
            given_up = [generation for _, generation in self._submitted]
            self._submitted.clear()
            self._wake.notify()
        _hand_over([Delivery(generation, [], GenerationError(503, _STOPPING)) for generation in given_up])

    def join(self, timeout: float) -> bool:
        """Wait for the thread to end; False if it has not (it may be loading, which cannot be interrupted)."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._lanes = self._load()
        except Exception as error:  # noqa: BLE001 - whatever torch and transformers raise ends up in one line for the user
            self._call(self._on_failure, error)
            return
        self.ready = not self._stopping
        if self.ready:
            self._call(self._on_ready)
        while self._next_turn():
            self._deliver([delivery for lane in self._lanes.values() if lane.busy for delivery in lane.turn()])
        error = GenerationError(503, _STOPPING)
        self._deliver([delivery for lane in self._lanes.values() for delivery in lane.fail(error)])

    def _next_turn(self) -> bool:
        """Wait until there is work, hand out what was submitted, and say whether to go on."""
        with self._wake:
            while not (self._stopping or self._submitted or any(lane.busy for lane in self._lanes.values())):
                self._wake.wait()
            while self._submitted:
                model, generation = self._submitted.popleft()
                self._lanes[model].enqueue(generation)
            return not self._stopping

    def _deliver(self, deliveries: list[Delivery]) -> None:
        if deliveries:
            self._call(_hand_over, deliveries)

    def _call(self, function: Callable[[Unpack[_Ts]], object], *arguments: *_Ts) -> None:
        if self._loop is None:
            raise AssertionError("not started")
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            _log.debug("the event loop is closed; nobody waits for this any more")


def _hand_over(deliveries: list[Delivery]) -> None:
    for generation, pieces, error in deliveries:
        generation.deliver(pieces, error)


def _nothing(*_: object) -> None:
    """Stands for callbacks until the thread starts."""
