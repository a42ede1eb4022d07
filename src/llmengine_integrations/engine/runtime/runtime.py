"""The interface between the engine and a runtime, which may be a thread with tensors, a C++ library, or an HTTP stream that is awaited.

Routes and batch jobs pass a `Generation` to a runtime, which delivers pieces of text to it. They know nothing else about a runtime.
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
    """The runtime's queue is full. The client gets a 429; batch jobs retry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDescription:
    """A loaded model and its capabilities. Requests for anything else are refused with a 400 that says so, never ignored."""

    device: str
    """The type of device that it runs on: cpu, cuda, ..."""
    context_length: int | None = None
    """The maximum number of tokens of prompt and completion together; None if the runtime does not know."""
    chat: bool = False
    """Whether it accepts a `ChatPrompt`."""
    tools: bool = False
    """Whether a `ChatPrompt` may have tools."""
    guided: bool = False
    """Whether it enforces constraints."""
    log_probs: bool = False
    """Whether it returns log-probabilities."""
    adapters: bool = False
    """Whether it loads LoRA adapters and thus serves fine-tuned models."""


class Runtime(Protocol):
    """Runs one or more models. All methods are called on the event loop, and none except `join` may block it."""

    @property
    def ready(self) -> bool:
        """Whether all its models are loaded."""
        ...

    def start(self, on_ready: Callable[[], object], on_failure: Callable[[Exception], object]) -> None:
        """Start to load the models. Later, call exactly one of the two callbacks on the event loop, once."""
        ...

    def submit(self, name: str, generation: Generation) -> None:
        """Queue a completion for a model or a loaded adapter, even while models are loading.

        Raises:
            QueueFullError: the queue is full.
            GenerationError: the request cannot be served, or the engine is shutting down.
        """
        ...

    def describe(self, name: str) -> ModelDescription | None:
        """The capabilities of a model or adapter; None while it is loading, and for an unknown name."""
        ...

    async def load_adapter(self, name: str, *, base: str, folder: Path) -> None:
        """Load or reload a LoRA adapter in Hugging Face format, and serve it under its own name.

        Raises:
            ValueError: it cannot be served with this base. The message is one line that says why.
            GenerationError: the engine is shutting down.
        """
        ...

    async def unload_adapter(self, name: str) -> None:
        """Stop serving an adapter. Its completions fail with a 404. Does nothing if it is not loaded."""
        ...

    async def check_tuning(self, base: str, options: LoraOptions) -> None:
        """Check, before training, that an adapter could be served.

        Raises:
            ValueError: it could not be served. The message is one line that says why.
            GenerationError: the engine is shutting down.
        """
        ...

    def stop(self) -> None:
        """End all completions with the error `shutting_down()`, and refuse new ones."""
        ...

    def join(self, timeout: float) -> bool:
        """Wait until its threads have ended; False if they have not after `timeout` seconds."""
        ...


def check_supported(description: ModelDescription, request: GenerationRequest) -> None:
    """Refuse a request that the model cannot serve.

    Raises:
        GenerationError: 400 that says what the model does not support.
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
    """The error for completions that end because the engine is stopping."""
    return GenerationError(STOPPING, _SHUTTING_DOWN)


def not_served(name: str) -> GenerationError:
    """The error for completions whose model is no longer served."""
    return GenerationError(404, f"The model {name} is not served any more.")
