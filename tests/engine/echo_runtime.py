"""A runtime without torch and without a thread: it writes the words of the prompt again, each after an `await`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from llmengine_integrations.engine.runtime.generation import ChatPrompt, Generation, GenerationError, Piece
from llmengine_integrations.engine.runtime.lora_options import LoraOptions
from llmengine_integrations.engine.runtime.runtime import ModelDescription, QueueFullError, not_served, shutting_down


class EchoRuntime:
    """Serves any number of models; their adapters write in capitals."""

    def __init__(self, description: ModelDescription, *, max_waiting: int = 100) -> None:
        self.description = description
        self.ready = False
        self.fail: Exception | None = None
        self.adapters: set[str] = set()
        self.pace = asyncio.Event()
        self.pace.set()
        self.ended = 0
        self._max_waiting = max_waiting
        self._stopping = False
        self._running: dict[asyncio.Task[None], tuple[str, Generation]] = {}

    def start(self, on_ready: Callable[[], object], on_failure: Callable[[Exception], object]) -> None:
        loop = asyncio.get_running_loop()
        if self.fail is not None:
            loop.call_soon(on_failure, self.fail)
            return
        self.ready = True
        loop.call_soon(on_ready)

    def submit(self, name: str, generation: Generation) -> None:
        if self._stopping:
            raise shutting_down()
        if len(self._running) >= self._max_waiting:
            raise QueueFullError
        task = asyncio.create_task(self._echo(generation, loud=name in self.adapters))
        self._running[task] = (name, generation)
        task.add_done_callback(self._running.pop)

    def describe(self, name: str) -> ModelDescription | None:
        return self.description if self.ready else None

    async def load_adapter(self, name: str, *, base: str, folder: Path) -> None:
        if not (folder / "adapter_config.json").exists():
            raise ValueError("it has no adapter_config.json")
        self.adapters.add(name)

    async def unload_adapter(self, name: str) -> None:
        self.adapters.discard(name)
        self._give_up(not_served(name), of=name)

    async def check_tuning(self, base: str, options: LoraOptions) -> None:
        raise ValueError("an echo cannot be trained")

    def stop(self) -> None:
        self._stopping, self.ready = True, False
        self._give_up(shutting_down())

    def join(self, timeout: float) -> bool:
        return True

    def _give_up(self, error: GenerationError, of: str | None = None) -> None:
        for task, (name, generation) in list(self._running.items()):
            if of in (None, name):
                task.cancel()
                generation.deliver([], error)

    async def _echo(self, generation: Generation, *, loud: bool) -> None:
        request = generation.request
        prompt = request.prompt
        text = prompt.messages[-1]["content"] if isinstance(prompt, ChatPrompt) else str(prompt)
        words = text.split()
        if words == ["boom"]:
            generation.deliver([], GenerationError(500))
            return
        count = min(len(words), request.max_new_tokens or len(words))
        pieces: list[Piece] = []
        for number, word in enumerate(words[:count], start=1):
            await self.pace.wait()
            await asyncio.sleep(0)
            if generation.cancelled:
                self.ended += 1
                return
            piece = Piece(f" {word.upper() if loud else word}", number)
            if number == count:
                ended = "stop" if count == len(words) else "length"
                piece = replace(piece, num_prompt_tokens=len(words), finish_reason=ended)
            pieces.append(piece)
            if request.incremental:
                generation.deliver([piece], None)
        if not request.incremental:
            generation.deliver(pieces, None)
