from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def work_of() -> Callable[[Callable[[], Any]], int]:
    """Count the lines that Python runs: a measure of work that no busy machine changes."""

    def count(work: Callable[[], Any]) -> int:
        lines = 0

        def note(_frame: Any, event: str, _argument: Any) -> Any:
            nonlocal lines
            lines += event == "line"
            return note

        before = sys.gettrace()
        sys.settrace(note)
        try:
            work()
        finally:
            sys.settrace(before)
        return lines

    return count
