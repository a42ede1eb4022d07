"""The hyperparameters that a request may set, and their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..runtime.lora_options import LoraOptions


class HyperparameterError(ValueError):
    """Hyperparameters that this engine cannot train with. The message says which and why."""


class Hyperparameters(BaseModel):
    """How to train. Names and defaults are LLM Engine's; only `batch_size` is this engine's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lr: float = Field(default=2e-3, gt=0, le=1)
    """The highest learning rate, from which it decreases to zero along a cosine."""
    warmup_ratio: float = Field(default=0.03, ge=0, le=1)
    """The share of all steps in which the learning rate rises."""
    epochs: int = Field(default=5, ge=1, lt=20)
    weight_decay: float = Field(default=0.001, ge=0, le=1)
    batch_size: int = Field(default=4, ge=1, le=256)
    """The number of rows in a step."""
    peft_config: LoraOptions = LoraOptions()
    report_to: str | None = None
    """The gateway can report to Weights & Biases. This engine does not, and says so in an event."""


def read_hyperparameters(given: Mapping[str, Any]) -> Hyperparameters:
    """Read the hyperparameters of a request. Numbers may be strings, as in upstream's first version.

    Raises:
        HyperparameterError: one is unknown or out of range.
    """
    try:
        return Hyperparameters.model_validate(dict(given))
    except ValidationError as error:
        raise HyperparameterError(" ".join(_sentence(item) for item in error.errors())) from error


def _sentence(error: Any) -> str:
    where = [str(step) for step in error["loc"]]
    if error["type"] == "extra_forbidden":
        known = LoraOptions if len(where) > 1 else Hyperparameters
        kind = "field of peft_config" if len(where) > 1 else "hyperparameter"
        return f"{where[-1]!r} is no {kind} that this engine knows; it knows {', '.join(known.model_fields)}."
    return f"The hyperparameter {'.'.join(where)} is not valid: {error['msg']}; got {error['input']!r}."
