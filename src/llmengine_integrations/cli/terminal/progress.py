"""Progress bars on standard error, if it is a terminal and rich is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .output import visible

if TYPE_CHECKING:
    from rich.console import Console


def console() -> Console | None:
    """Return the console for progress bars; None if there are none."""
    if not sys.stderr.isatty():
        return None
    try:
        from rich.console import Console  # noqa: PLC0415 - optional, and not for JSON
    except ImportError:
        return None
    return Console(stderr=True, highlight=False)


@contextmanager
def transfers() -> Generator[Callable[[str, int, int | None], None]]:
    """Show bars for transfers. Call the result with a file's name, its bytes so far, and its total bytes."""
    drawn = console()
    if drawn is None:
        yield lambda _name, _done, _total: None
        return
    from rich import progress as bars  # noqa: PLC0415 - optional

    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    tasks: dict[str, bars.TaskID] = {}
    with bars.Progress(*columns, console=drawn, transient=True) as progress:

        def moved(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(visible(name), total=total)
            progress.update(tasks[name], completed=done, total=total)

        yield moved


@contextmanager
def waiting(text: str) -> Generator[Callable[[str], None]]:
    """Show a spinner with the elapsed time. Call the result with a new text."""
    drawn = console()
    if drawn is None:
        yield lambda _text: None
        return
    from rich import progress as bars  # noqa: PLC0415 - optional

    columns = (bars.SpinnerColumn(), bars.TextColumn("{task.description}", markup=False), bars.TimeElapsedColumn())
    with bars.Progress(*columns, console=drawn, transient=True) as progress:
        task = progress.add_task(visible(text), total=None)
        yield lambda said: progress.update(task, description=visible(said))
