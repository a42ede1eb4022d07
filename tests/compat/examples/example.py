"""What an example is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_IMPORT = re.compile(r"^from llmengine(\.\w+)? import", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """One example, the recordings that answer it, what it sends and what it prints then."""

    name: str
    source: str
    prints: str
    answers: Sequence[str] = ()
    sends: Sequence[tuple[str, str, Any]] = ()
    on_engine: bool = False
    """Whether the embedded engine serves what it calls."""
    warns: str = ""

    def run(self) -> None:
        """Run it in the working directory, with only its import line changed."""
        source = _IMPORT.sub(lambda found: f"from llmengine_integrations.compat{found[1] or ''} import", self.source)
        exec(compile(source, self.name, "exec"), {"__name__": "__main__"})  # noqa: S102 - the table is ours

    def __str__(self) -> str:
        return self.name
