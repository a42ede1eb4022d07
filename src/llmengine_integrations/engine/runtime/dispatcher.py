"""Several runtimes in one engine. A model's name determines the runtime that serves it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from .generation import Generation
from .lora_options import LoraOptions
from .runtime import ModelDescription, Runtime, check_supported, not_served


class Runtimes:
    """All runtimes of an engine, with the methods of a single runtime. Call them on the event loop, except `join`.

    Args:
        served: the runtime of each model, by the model's name.
    """

    def __init__(self, served: Mapping[str, Runtime]) -> None:
        self._served = dict(served)
        self._adapters: dict[str, Runtime] = {}
        self._runtimes = list(dict.fromkeys(served.values()))

    @property
    def ready(self) -> bool:
        """Whether all models of all runtimes are loaded."""
        return all(runtime.ready for runtime in self._runtimes)

    def start(self, on_ready: Callable[[], object], on_failure: Callable[[Exception], object]) -> None:
        """Start all runtimes.

        Args:
            on_ready: called when all runtimes are ready.
            on_failure: called for the first runtime that fails; `on_ready` is not called in that case.
        """
        loading = set(self._runtimes)
        failed: list[Exception] = []

        def ready(runtime: Runtime) -> None:
            loading.discard(runtime)
            if not loading:
                on_ready()

        def failure(error: Exception) -> None:
            failed.append(error)
            if len(failed) == 1:
                on_failure(error)

        for runtime in self._runtimes:
            runtime.start(partial(ready, runtime), failure)

    def submit(self, name: str, generation: Generation) -> None:
        """Queue a completion with the runtime of a model or an adapter.

        Raises:
            QueueFullError: the queue is full.
            GenerationError: the model does not support the request (400), is no longer served (404), or the engine is shutting down.
        """
        runtime = self._runtime(name)
        if runtime is None:
            raise not_served(name)
        description = runtime.describe(name)
        if description is not None:
            check_supported(description, generation.request)
        runtime.submit(name, generation)

    def describe(self, name: str) -> ModelDescription | None:
        """The capabilities of a model or adapter; None while it is loading, and for an unknown name."""
        runtime = self._runtime(name)
        return None if runtime is None else runtime.describe(name)

    async def load_adapter(self, name: str, *, base: str, folder: Path) -> None:
        """Load a LoRA adapter into the runtime of its base. Completions for it may be submitted immediately; they wait.

        Raises:
            ValueError: it cannot be served with this base. The message is one line that says why.
            GenerationError: the engine is shutting down.
        """
        if name in self._served:
            raise ValueError(f"{name} is the name of a model")
        runtime, known = self._base(base), self._adapters.get(name)
        if known not in (None, runtime):
            raise ValueError(f"{name} is loaded already, for a model of another runtime")
        self._adapters[name] = runtime
        try:
            await runtime.load_adapter(name, base=base, folder=folder)
        except BaseException:
            if known is None:
                self._adapters.pop(name, None)
            raise

    async def unload_adapter(self, name: str) -> None:
        """Stop serving an adapter. Does nothing if it is not loaded.

        Raises:
            GenerationError: the engine is shutting down.
        """
        runtime = self._adapters.pop(name, None)
        if runtime is not None:
            await runtime.unload_adapter(name)

    async def check_tuning(self, base: str, options: LoraOptions) -> None:
        """Check, before training, that an adapter could be served.

        Raises:
            ValueError: it could not be served. The message is one line that says why.
            GenerationError: the engine is shutting down.
        """
        await self._base(base).check_tuning(base, options)

    def stop(self) -> None:
        """End all completions with an error."""
        for runtime in self._runtimes:
            runtime.stop()

    def join(self, timeout: float) -> bool:
        """Wait until the threads of all runtimes have ended; False if they have not after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        ended = [runtime.join(max(0.0, deadline - time.monotonic())) for runtime in self._runtimes]
        return all(ended)

    def _runtime(self, name: str) -> Runtime | None:
        return self._served.get(name) or self._adapters.get(name)

    def _base(self, name: str) -> Runtime:
        runtime = self._served.get(name)
        if runtime is None:
            raise ValueError(f"{name} is not a served model")
        return runtime
