"""The seam between the engine and what generates: a thread with tensors, a C++ library, or an HTTP stream that is awaited.

Routes and batch jobs hand a `Generation` to a runtime, which delivers pieces of text to it. They know nothing else of a runtime.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .generation import ChatPrompt, Generation, GenerationError, GenerationRequest
from .lora_options import LoraOptions
from .statuses import BAD_REQUEST, STOPPING

NO_CHAT_TEMPLATE = "This model has no chat template. Ask it through completions."
_SHUTTING_DOWN = "The engine is shutting down."


class QueueFullError(Exception):
    """The runtime's queue is full. The client gets a 429; batch jobs try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDescription:
    """What a loaded model is, and what it can do. What it cannot do is refused with a 400 that says so, and never ignored."""

    device: str
    """The kind of device that it runs on: cpu, cuda, ..."""
    context_length: int | None = None
    """The most tokens of prompt and completion together; None if the runtime does not know."""
    chat: bool = False
    """Whether it takes a `ChatPrompt`."""
    tools: bool = False
    """Whether a `ChatPrompt` may have tools."""
    guided: bool = False
    """Whether it enforces constraints."""
    log_probs: bool = False
    """Whether it returns log-probabilities."""
    adapters: bool = False
    """Whether it loads LoRA adapters, and so serves fine-tuned models."""


class Runtime(Protocol):
    """What runs one or more models. All methods are called on the event loop, and none may block it, except `join`."""

    @property
    def ready(self) -> bool:
        """Whether all its models are loaded."""
        ...

    def start(self, on_ready: Callable[[], object], on_failure: Callable[[Exception], object]) -> None:
        """Begin to load the models. Later, call one of the two on the event loop, once."""
        ...

    def submit(self, name: str, generation: Generation) -> None:
        """Queue a completion for a model or a loaded adapter, also while models are loading.

        Raises:
            QueueFullError: too many wait already.
            GenerationError: the request cannot be served, or the engine is shutting down.
        """
        ...

    def describe(self, name: str) -> ModelDescription | None:
        """What a model or an adapter can do; None while it is loading, and for an unknown name."""
        ...

    async def load_adapter(self, name: str, *, base: str, folder: Path) -> None:
        """Load a LoRA adapter in Hugging Face form, or load it again, and serve it under its own name.

        Raises:
            ValueError: it cannot be served with this base; one line that says why.
            GenerationError: the engine is shutting down.
        """
        ...

    async def unload_adapter(self, name: str) -> None:
        """Stop serving an adapter: its completions fail with a 404. Harmless if it is not loaded."""
        ...

    async def check_tuning(self, base: str, options: LoraOptions) -> None:
        """Check that an adapter could be served, before it is trained.

        Raises:
            ValueError: it could not be served; one line that says why.
            GenerationError: the engine is shutting down.
        """
        ...

    def stop(self) -> None:
        """Give up all completions, each with `shutting_down()`, and refuse further ones."""
        ...

    def join(self, timeout: float) -> bool:
        """Wait until its threads have ended; False if they have not after `timeout` seconds."""
        ...


def check_supported(description: ModelDescription, request: GenerationRequest) -> None:
    """Refuse a request that the model cannot serve.

    Raises:
        GenerationError: 400 that says what the model cannot do.
    """
    if isinstance(request.prompt, ChatPrompt):
        if not description.chat:
            raise GenerationError(BAD_REQUEST, NO_CHAT_TEMPLATE)
        if request.prompt.tools and not description.tools:
            raise GenerationError(BAD_REQUEST, "This model cannot call tools.")
    if request.constraint is not None and not description.guided:
        raise GenerationError(BAD_REQUEST, "This model has no guided decoding.")
    if request.log_probs and not description.log_probs:
        raise GenerationError(BAD_REQUEST, "This model returns no log-probabilities.")


def shutting_down() -> GenerationError:
    """The error of completions that end because the engine stops."""
    return GenerationError(STOPPING, _SHUTTING_DOWN)


def not_served(name: str) -> GenerationError:
    """The error of completions whose model is not served any more."""
    return GenerationError(404, f"The model {name} is not served any more.")
