"""The torch runtime: one generation thread that loads and runs the models, and its connection to the event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVarTuple, Unpack

from ..generation import Generation, GenerationError
from ..runtime import ModelDescription, QueueFullError, not_served, shutting_down
from .lane_protocol import Delivery, ModelLane

if TYPE_CHECKING:
    from ..lora_options import LoraOptions
    from .loading.tunable import TuningCheck

_log = logging.getLogger(__name__)

_Ts = TypeVarTuple("_Ts")


class _Submitted(NamedTuple):
    """A completion for the generation thread."""

    name: str
    generation: Generation


class _Order(NamedTuple):
    """Another operation to run between two turns, and the future that waits for it."""

    run: Callable[[], list[Delivery]]
    done: asyncio.Future[None]


class Scheduler:
    """Runs the completions of all models and adapters in one thread, one token of each at a time.

    Completions may be submitted, and adapters loaded, from the start. They wait until the models are loaded.

    Args:
        load: creates a lane for every model; called in the generation thread.
        max_waiting: the maximum number of completions that wait for a place in a batch.
    """

    def __init__(self, load: Callable[[], Mapping[str, ModelLane]], *, max_waiting: int) -> None:
        self._load = load
        self._max_waiting = max_waiting
        self._lanes: Mapping[str, ModelLane] = {}
        self._bases: dict[str, str] = {}
        self._submitted: deque[_Submitted | _Order] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._waking = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_ready: Callable[[], object] = _nothing
        self._on_failure: Callable[[Exception], object] = _nothing
        self._thread = threading.Thread(target=self._run, name="generation", daemon=True)
        self.ready = False

    def start(self, on_ready: Callable[[], object], on_failure: Callable[[Exception], object]) -> None:
        """Start loading, then generating. Call it on the event loop; one of the callbacks is called there after loading."""
        self._loop = asyncio.get_running_loop()
        self._on_ready = on_ready
        self._on_failure = on_failure
        self._thread.start()

    def submit(self, name: str, generation: Generation) -> None:
        """Queue a completion for a model or an adapter. If the name is unknown when its turn comes, it fails with a 404.

        Raises:
            QueueFullError: the queue is full.
            GenerationError: the engine is shutting down.
        """
        with self._wake:
            if self._stopping:
                raise shutting_down()
            if self._num_waiting() >= self._max_waiting:
                self._forget_cancelled()
                if self._num_waiting() >= self._max_waiting:
                    raise QueueFullError
            self._submitted.append(_Submitted(name, generation))
        self._wake_soon()

    async def load_adapter(self, name: str, *, base: str, folder: Path) -> None:
        """Load a LoRA adapter in Hugging Face format between two tokens, and serve it together with its base.

        If the name is already loaded, the new adapter replaces the old one. Running completions keep the adapter that they started with.

        Args:
            name: the name under which completions are submitted.
            base: the name of the model that it adapts.
            folder: the folder with `adapter_config.json` and `adapter_model.safetensors`.

        Raises:
            ValueError: the folder cannot be served with this base. The message is one line that says why.
            GenerationError: the engine is shutting down.
        """
        await self._order(partial(self._load_adapter, name, base, folder))

    async def unload_adapter(self, name: str) -> None:
        """Stop serving an adapter. Its running and waiting completions fail with a 404. Does nothing if it is not loaded.

        Raises:
            GenerationError: the engine is shutting down.
        """
        await self._order(partial(self._unload_adapter, name))

    async def check_tuning(self, base: str, options: LoraOptions) -> None:
        """Check, before training, that an adapter could be served. Waits until the models are loaded.

        Args:
            base: the name of the model to be tuned.
            options: the adapter's shape, and the layers that it would change.

        Raises:
            ValueError: it could not be served. The message is one line that says why.
            GenerationError: the engine is shutting down.
        """
        checks: list[TuningCheck] = []

        def look() -> list[Delivery]:
            lane = self._lanes.get(base)
            check = None if lane is None else lane.tuning_check()
            checks.extend([] if check is None else [check])
            return []

        await self._order(look)
        for check in checks:
            layers = await asyncio.to_thread(check.layers, options)
            await self._order(partial(_try_layers, check, layers))

    def describe(self, name: str) -> ModelDescription | None:
        """The capabilities of a model or adapter; None while it is loading, and for an unknown name."""
        lane = self._lanes.get(self._bases.get(name, name))
        return None if lane is None else lane.description

    def stop(self) -> None:
        """End all completions with an error, and end the thread after the current token. Call it on the event loop."""
        with self._wake:
            self._stopping = True
            self.ready = False
            given_up = list(self._submitted)
            self._submitted.clear()
            self._wake.notify()
        for item in given_up:
            if isinstance(item, _Order):
                _settle(item.done, shutting_down())
            else:
                item.generation.deliver([], shutting_down())

    def join(self, timeout: float) -> bool:
        """Wait for the thread to end. Returns False if it has not ended (it may be loading, which cannot be interrupted)."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._lanes = self._load()
        except Exception as error:  # noqa: BLE001 - any error of torch or transformers becomes one line for the user
            self._call(self._on_failure, error)
            return
        self.ready = not self._stopping
        if self.ready:
            self._call(self._on_ready)
        while self._next_turn():
            self._deliver([delivery for lane in self._lanes.values() if lane.busy for delivery in _turn(lane)])
        error = shutting_down()
        self._deliver([delivery for lane in self._lanes.values() for delivery in lane.fail(error)])

    def _next_turn(self) -> bool:
        """Wait until there is work, and process what was submitted. Returns whether to continue."""
        while True:
            with self._wake:
                while not (self._stopping or self._submitted or any(lane.busy for lane in self._lanes.values())):
                    self._wake.wait()
                if self._stopping or not self._submitted:
                    return not self._stopping
                item = self._submitted.popleft()
            if isinstance(item, _Order):
                self._carry_out(item)
            else:
                self._enqueue(*item)

    def _enqueue(self, name: str, generation: Generation) -> None:
        base = self._bases.get(name)
        if base is not None:
            self._lanes[base].enqueue(generation, name)
        elif name in self._lanes:
            self._lanes[name].enqueue(generation)
        else:
            self._deliver([Delivery(generation, [], not_served(name))])

    def _carry_out(self, order: _Order) -> None:
        error: Exception | None = None
        try:
            self._deliver(order.run())
        except Exception as raised:  # noqa: BLE001 - passed to the waiting caller
            error = raised
        self._call(_settle, order.done, error)

    def _load_adapter(self, name: str, base: str, folder: Path) -> list[Delivery]:
        if name in self._lanes:
            raise ValueError(f"{name} is the name of a model")
        if base not in self._lanes:
            raise ValueError(f"{base} is not a served model")
        if self._bases.get(name, base) != base:
            raise ValueError(f"{name} is loaded already, for {self._bases[name]}")
        self._lanes[base].load_adapter(name, folder)
        self._bases[name] = base
        return []

    def _unload_adapter(self, name: str) -> list[Delivery]:
        base = self._bases.pop(name, None)
        return [] if base is None else self._lanes[base].unload_adapter(name, not_served(name))

    def _wake_soon(self) -> None:
        """Wake the thread after the event loop has finished its current work.

        Requests that arrived together then start together, and the loop does not share the interpreter while it reads them.
        """
        if self._loop is not None and not self._waking:
            self._waking = True
            self._loop.call_soon(self._wake_now)

    def _wake_now(self) -> None:
        self._waking = False
        with self._wake:
            self._wake.notify()

    async def _order(self, run: Callable[[], list[Delivery]]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._wake:
            if self._stopping:
                raise shutting_down()
            self._submitted.append(_Order(run, done))
            self._wake.notify()
        await done

    def _forget_cancelled(self) -> None:
        """Remove cancelled completions from the queue while models are loading. Later, the lanes do this themselves."""
        wanted = [item for item in self._submitted if isinstance(item, _Order) or not item.generation.cancelled]
        self._submitted = deque(wanted)

    def _num_waiting(self) -> int:
        submitted = sum(isinstance(item, _Submitted) for item in self._submitted)
        return submitted + sum(lane.num_waiting for lane in self._lanes.values())

    def _deliver(self, deliveries: list[Delivery]) -> None:
        if deliveries:
            self._call(_deliver_on_loop, deliveries)

    def _call(self, function: Callable[[Unpack[_Ts]], object], *arguments: *_Ts) -> None:
        if self._loop is None:
            raise AssertionError("not started")
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            _log.debug("the event loop is closed; nobody waits for this any more")


def _turn(lane: ModelLane) -> list[Delivery]:
    """Run a lane's turn. If it fails, the lane's completions fail, and the thread continues to serve the others."""
    try:
        return lane.turn()
    except Exception:  # noqa: BLE001 - logged; the completions fail
        _log.exception("a turn failed")
        return lane.fail(GenerationError(500))


def _try_layers(check: TuningCheck, layers: list[str]) -> list[Delivery]:
    check.try_layers(layers)
    return []


def _deliver_on_loop(deliveries: list[Delivery]) -> None:
    for generation, pieces, error in deliveries:
        generation.deliver(pieces, error)


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():  # the waiting caller was cancelled
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


def _nothing(*_: object) -> None:
    """A placeholder for the callbacks until the thread starts."""
