from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from llmengine_integrations.engine import EmbeddedEngine


@pytest.fixture(scope="session")
def engine() -> Iterator[EmbeddedEngine]:
    """One embedded engine with the default model, for all tests that only ask it things."""
    pytest.importorskip("torch")
    from llmengine_integrations.engine import EmbeddedEngine  # noqa: PLC0415 - others need no engine

    with EmbeddedEngine(aliases=["llama-2-7b"]) as running:
        yield running
