"""The output file of a batch job: a JSON array with one item for each prompt or request, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .chat import ChatCompletion
from .completions import CompletionOutput
from .text_completions import TextCompletion


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """The result of one prompt or request."""

    index: int
    """Its position in the batch, from 0."""
    request: str | Mapping[str, Any] | None = None
    """The prompt, or the request's body; None if the batch's input was not given."""
    output: CompletionOutput | ChatCompletion | TextCompletion | None = None
    """The model's output; None if that failed."""
    error: str | None = None
    """Why it failed; None if it did not."""
    raw: object = None
    """The item exactly as in the file."""

    @property
    def ok(self) -> bool:
        """Whether there is an output."""
        return self.output is not None

    @property
    def prompt(self) -> str | None:
        """The prompt, if it is one string. Chat requests have messages instead."""
        found = self.request.get("prompt") if isinstance(self.request, Mapping) else self.request
        return found if isinstance(found, str) else None

    @property
    def text(self) -> str | None:
        """The text of the output; that of its first choice if there are several."""
        return None if self.output is None else self.output.text
