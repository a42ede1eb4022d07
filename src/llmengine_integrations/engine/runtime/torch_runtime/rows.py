"""The input and output of a running batch for each completion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ..generation import SamplingParams

if TYPE_CHECKING:
    from .loading.lora import Adapter
    from .token_masks import Guide


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The input of a row of a batch."""

    ids: Sequence[int]
    sampling: SamplingParams = field(default_factory=SamplingParams)
    log_probs: bool = False
    guide: Guide | None = None
    adapter: Adapter | None = None


class Choice(NamedTuple):
    """The token chosen for a completion."""

    token: int
    log_prob: float | None
    """Natural log-probability under the model's own distribution, before the constraint, penalties, temperature and filters."""
    top: tuple[tuple[int, float], ...] = ()
    """The most likely tokens at this position with their log-probabilities, if requested."""
