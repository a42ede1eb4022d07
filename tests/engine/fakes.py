"""An engine without a model: characters are tokens and every completion is the same text."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

from llmengine_integrations.engine import runtimes
from llmengine_integrations.engine.config import EngineConfig
from llmengine_integrations.engine.http.server import Server, serve
from llmengine_integrations.engine.runtime.dispatcher import Runtimes
from llmengine_integrations.engine.runtime.generation import ChatPrompt
from llmengine_integrations.engine.runtime.torch_runtime.kv_memory import KVMemory
from llmengine_integrations.engine.runtime.torch_runtime.lane import Lane
from llmengine_integrations.engine.runtime.torch_runtime.rows import Choice, Prompt

END = 0


class FakeTokenizer:
    end_tokens = frozenset({END})
    can_chat = can_guide = True

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        return [1, *map(ord, text)]

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        return "".join(chr(token) for token in ids if token > 1 or not skip_special_tokens)

    def chat_text(self, prompt: ChatPrompt) -> str:
        return prompt.messages[-1]["content"]

    def token_text(self, token: int) -> str:
        return "<end>" if token == END else chr(token)


@dataclass
class FakeBatch:
    """Writes `text` for every row, then ends. Stands for a batch and its model."""

    text: str = "abc"
    delay: float = 0.0
    fail_at: int | None = None
    """The token of every row at which the model fails; 0 fails the prompt."""
    rows: list[int] = field(default_factory=list)
    steps: int = 0
    poison: int | None = None
    """The model fails at prompts with this token."""
    read: list[list[int]] = field(default_factory=list)
    """The lengths of the prompts that were read together, each time."""

    def prefill(self, prompts: Sequence[Prompt]) -> SimpleNamespace:
        if any(self.poison in prompt.ids for prompt in prompts):
            raise RuntimeError("poison")
        self.read.append([len(prompt.ids) for prompt in prompts])
        return SimpleNamespace(choices=[self._choice(0, log_probs=prompt.log_probs) for prompt in prompts])

    def join(self, new: object, rows: Sequence[int]) -> None:
        self.rows += [1] * len(rows)

    def step(self) -> list[Choice]:
        self.steps += 1
        time.sleep(self.delay)
        choices = [self._choice(place) for place in self.rows]
        self.rows = [place + 1 for place in self.rows]
        return choices

    def keep(self, rows: Sequence[int]) -> None:
        self.rows = [self.rows[row] for row in rows]

    def _choice(self, place: int, *, log_probs: bool = False) -> Choice:
        if place == self.fail_at:
            raise RuntimeError("out of memory")
        return Choice(ord(self.text[place]) if place < len(self.text) else END, -0.5 if log_probs else None)


def fake_lane(
    batch: FakeBatch, *, context_length: int = 10_000, max_batch_size: int = 16, memory: KVMemory | None = None
) -> Lane:
    """A lane whose keys and values take a byte a token, and which has more memory than it needs if none is given."""
    causal_lm = SimpleNamespace(device=SimpleNamespace(type="cpu"), slot_size=1, read_adapter=_read_adapter)
    model = SimpleNamespace(tokenizer=FakeTokenizer(), context_length=context_length, causal_lm=causal_lm)
    return Lane(model, batch, max_batch_size=max_batch_size, memory=memory or KVMemory(10**9))


def _read_adapter(folder: Path) -> object:
    return json.loads((folder / "adapter_config.json").read_text())


@contextmanager
def running(
    config: EngineConfig, load: Callable[[], object] | None = None, *, served: Runtimes | None = None
) -> Iterator[tuple[str, Server]]:
    """A server in a thread of this process: the same code that serves in a process of its own.

    Args:
        config: its port should be 0.
        load: makes the lanes instead of loading models.
        served: runtimes to serve instead of those of the configuration.
    """
    started, found, ready = threading.Event(), [], threading.Event()

    def listening(url: str, server: Server) -> None:
        found.extend([url, server])
        started.set()

    loader = runtimes.load_lanes if load is None else lambda _: load()
    original, runtimes.load_lanes = runtimes.load_lanes, loader
    try:
        thread = threading.Thread(
            target=serve,
            args=(config,),
            kwargs={"on_listening": listening, "on_ready": lambda _: ready.set(), "runtimes": served},
        )
        thread.start()
        assert started.wait(30)
    finally:
        runtimes.load_lanes = original
    url, running_server = found
    running_server.ready_event = ready
    try:
        yield url, running_server
    finally:
        running_server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
        assert running_server._engine.runtimes.join(timeout=0)


def eventually(condition: Callable[[], bool], timeout: float = 5.0) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return condition()
