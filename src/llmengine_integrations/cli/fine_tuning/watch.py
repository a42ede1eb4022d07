"""Follow a fine-tune: with a progress bar on a terminal, otherwise with one line per event."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime

import click

from llmengine_integrations import Client
from llmengine_integrations.types import FineTune, FineTuneEvent

from ..options.session import Session
from ..terminal import output
from ..terminal.progress import console
from .progress import TrainingProgress


def watch(session: Session, client: Client, job_id: str, *, epochs: float | None, at_most: float | None) -> None:
    """Follow a job until it has succeeded, and print the name of its model."""
    try:
        with _show(session, job_id, TrainingProgress(epochs)) as (event_shown, status_shown):
            for event in client.fine_tunes.follow(job_id, timeout=at_most, on_status=status_shown):
                event_shown(event)
    except KeyboardInterrupt:
        output.print_note(f"The fine-tune continues. `llmengine fine-tunes watch {job_id}` follows it again.")
        raise
    job = client.fine_tunes.get(job_id)
    if session.json:
        output.print_json_line(job)
    else:
        click.echo(f"Ready: {job.fine_tuned_model}")


def with_metrics(event: FineTuneEvent) -> dict[str, object]:
    """An event with the metrics in its message."""
    return {**event.model_dump(mode="json"), "metrics": event.metrics}


def clock(event: FineTuneEvent) -> str:
    """The time of an event, in local time."""
    if event.timestamp is None:
        return ""
    return f"{datetime.fromtimestamp(event.timestamp).astimezone():%Y-%m-%d %H:%M:%S}"


_Shown = tuple[Callable[[FineTuneEvent], None], Callable[[FineTune], None]]


@contextmanager
def _show(session: Session, job_id: str, training: TrainingProgress) -> Generator[_Shown]:
    if session.json:
        yield lambda event: output.print_json_line(with_metrics(event)), lambda _: None
        return
    drawn = console()
    if drawn is None:
        yield _print, lambda job: output.print_note(f"{job.id}: {job.status}")
        return
    from rich import progress as bars  # noqa: PLC0415 - optional, and not for JSON

    columns = (
        bars.TextColumn("{task.fields[status]}", markup=False),
        bars.BarColumn(bar_width=20),
        bars.TextColumn("{task.description}", markup=False),
        bars.TimeElapsedColumn(),
    )
    with bars.Progress(*columns, console=drawn, transient=True) as progress:
        task = progress.add_task(job_id, total=None, status="")

        def event_shown(event: FineTuneEvent) -> None:
            if not training.add(event) and sys.stdout.isatty():
                drawn.print(_line(event), soft_wrap=True, markup=False)  # above the bar, not into it
            elif event.metrics is None:
                _print(event)
            progress.update(task, completed=training.epoch, total=training.epochs, description=str(training))

        yield event_shown, lambda job: progress.update(task, status=output.visible(job.status))
    if training.epoch:
        output.print_note(str(training))


def _print(event: FineTuneEvent) -> None:
    click.echo(_line(event))


def _line(event: FineTuneEvent) -> str:
    level = "" if event.level == "info" else f"{event.level}: "
    return output.visible(f"{clock(event)}  {level}{event.message}")
