"""The interface that the scheduler requires of a lane."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..generation import Generation, GenerationError, Piece
from ..runtime import ModelDescription

if TYPE_CHECKING:
    from .loading.tunable import TuningCheck


class Delivery(NamedTuple):
    """The output of the generation thread for one completion after a turn."""

    generation: Generation
    pieces: list[Piece]
    error: GenerationError | None = None


class ModelLane(Protocol):
    """Runs one model: `lane.Lane`, or a test double. Other threads may only read `description` and `num_waiting`."""

    @property
    def description(self) -> ModelDescription:
        """The capabilities of the model. Other threads read this too."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a turn has work to do."""
        ...

    @property
    def num_waiting(self) -> int:
        """The number of completions that have not started."""
        ...

    def enqueue(self, generation: Generation, adapter: str | None = None) -> None:
        """Queue a completion, with a loaded adapter or the base model."""
        ...

    def turn(self) -> list[Delivery]:
        """Drop cancelled completions, start as many as there is room for, and generate one token for each. Never raises."""
        ...

    def fail(self, error: GenerationError) -> list[Delivery]:
        """End all running and waiting completions with an error."""
        ...

    def load_adapter(self, name: str, folder: Path) -> None:
        """Load or reload a LoRA adapter. Raises ValueError with a one-line reason if it cannot be served."""
        ...

    def tuning_check(self) -> TuningCheck | None:
        """The check whether fine-tunes of this model could be served, before they are trained; None if there is no check.

        Raises ValueError with a one-line reason if no fine-tune could be served.
        """
        ...

    def unload_adapter(self, name: str, error: GenerationError) -> list[Delivery]:
        """Remove an adapter, and end the completions that use it."""
        ...
