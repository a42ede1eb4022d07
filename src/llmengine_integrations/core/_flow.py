"""Several requests in a row, as a generator: yield an Operation or a Sleep, get the answer back."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from ._operation import Operation

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sleep:
    """Do nothing for a while."""

    seconds: float


Flow: TypeAlias = Generator[Operation[Any] | Sleep, Any, T]
"""Yields what to do next, is sent the reply (None after a Sleep), and returns the result."""
