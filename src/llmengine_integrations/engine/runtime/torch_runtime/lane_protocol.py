"""What the scheduler asks of whatever runs a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..generation import Generation, GenerationError, Piece
from ..runtime import ModelDescription

if TYPE_CHECKING:
    from .loading.tunable import TuningCheck


class Delivery(NamedTuple):
    """What the generation thread has for one completion after a turn."""

    generation: Generation
    pieces: list[Piece]
    error: GenerationError | None = None


class ModelLane(Protocol):
    """What runs one model: `lane.Lane`, or a test's. All but `description` and `num_waiting` is for the generation thread only."""

    @property
    def description(self) -> ModelDescription:
        """What the model can do. Also asked for by other threads."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a turn would do anything."""
        ...

    @property
    def num_waiting(self) -> int:
        """Completions that have not begun."""
        ...

    def enqueue(self, generation: Generation, adapter: str | None = None) -> None:
        """Let a completion wait for its turn, with a loaded adapter or the model as it is."""
        ...

    def turn(self) -> list[Delivery]:
        """Drop what was cancelled, begin what there is room for, and generate one token for each; raises nothing."""
        ...

    def fail(self, error: GenerationError) -> list[Delivery]:
        """Give up everything, running and waiting."""
        ...

    def load_adapter(self, name: str, folder: Path) -> None:
        """Load a LoRA adapter, or load it again. Raises ValueError, one line that says why, where it cannot be served."""
        ...

    def tuning_check(self) -> TuningCheck | None:
        """What says whether fine-tunes of this model could be served, before they are trained; None if nothing does.

        Raises ValueError, one line that says why, where no fine-tune could be.
        """
        ...

    def unload_adapter(self, name: str, error: GenerationError) -> list[Delivery]:
        """Give up what uses an adapter, and forget it."""
        ...
