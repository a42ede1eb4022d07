"""`llmengine fine-tunes`: train models and watch their training."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from llmengine_integrations.errors import APIStatusError
from llmengine_integrations.training_metrics import TrainingMetrics

from ..fine_tuning.watch import clock, watch, with_metrics
from ..options import shell_candidates
from ..options.model_option import choose_model, model_option
from ..options.option_types import Number, json_object, pair
from ..options.session import Group, Session, confirm, missing_ok_option, yes_option
from ..terminal import output
from ..terminal.loss_plot import plot as drawn
from .files import send

_PICTURES = (".png", ".svg", ".pdf")
_MOST_WIDE = 100

_epochs_option = click.option(
    "--epochs", type=Number(0, min_open=True), help="The number of epochs, if the server does not report it."
)
_at_most_option = click.option(
    "--at-most", metavar="SECONDS", type=Number(0), help="Give up after this time. Default: wait forever."
)


@click.group("fine-tunes", cls=Group)
def fine_tunes() -> None:
    """Start, watch, plot and cancel fine-tunes."""


@fine_tunes.command(short_help="Start a fine-tune.")
@click.argument("training_file", shell_complete=shell_candidates.files_or_paths)
@model_option
@click.option(
    "--validation-file",
    metavar="FILE",
    help="Default: a part of the training file is set aside.",
    shell_complete=shell_candidates.files_or_paths,
)
@click.option("--upload", is_flag=True, help="The files are on this machine; check and upload them first.")
@click.option("--suffix", help="A part of the new model's name: 1 to 28 letters, digits and dashes.")
@click.option(
    "-s",
    "--set",
    "hyperparameters",
    metavar="NAME=VALUE",
    type=pair,
    multiple=True,
    help="A hyperparameter, such as epochs=3 or lr=0.001; repeatable.",
)
@click.option("--wandb-config", metavar="JSON", type=json_object, help="Settings of Weights & Biases, or @FILE.")
@click.option("--watch", "follow", is_flag=True, help="Watch the fine-tune until it is done.")
@click.pass_obj
def create(
    session: Session,
    training_file: str,
    model: str | None,
    validation_file: str | None,
    hyperparameters: tuple[tuple[str, Any], ...],
    *,
    upload: bool,
    follow: bool,
    **options: Any,
) -> None:
    """Start a fine-tune on TRAINING_FILE: the id of an upload, a URL, or a path that the server can read.

    \b
    llmengine fine-tunes create rows.csv --upload --suffix badges --watch
    llmengine fine-tunes create file-1a2b -m llama-2-7b -s epochs=3 -s lr=0.001
    """  # noqa: D301 - a marker of click's
    given = dict(hyperparameters)
    with session.client() as client:
        name = choose_model(client, model)
        if upload:
            training_file = send(client, _local(training_file), check=True).id
            validation_file = validation_file and send(client, _local(validation_file), check=True).id
        with _upload_advised(training_file, validation_file):
            job = client.fine_tunes.create(
                name, training_file, validation_file=validation_file, hyperparameters=given, **options
            )
        if session.json and not follow:
            output.print_json(job)
        elif not session.json:
            click.echo(job.id)
        if follow:
            watch(session, client, job.id, epochs=_epochs(given), at_most=None)


@fine_tunes.command("list")
@click.pass_obj
def list_(session: Session) -> None:
    """List your fine-tunes."""
    with session.client() as client:
        found = client.fine_tunes.list()
    if session.json:
        output.print_json(list(found))
        return
    rows = [(job.id, job.status, job.fine_tuned_model) for job in found]
    output.print_table(("id", "status", "model"), rows, empty="There are no fine-tunes.")


@fine_tunes.command()
@click.argument("job_id", shell_complete=shell_candidates.fine_tunes)
@click.pass_obj
def get(session: Session, job_id: str) -> None:
    """Show a fine-tune."""
    with session.client() as client:
        job = client.fine_tunes.get(job_id)
    if session.json:
        output.print_json(job)
    else:
        output.print_fields([("id", job.id), ("status", job.status), ("model", job.fine_tuned_model)])


@fine_tunes.command("watch")
@click.argument("job_id", shell_complete=shell_candidates.fine_tunes)
@_epochs_option
@_at_most_option
@click.pass_obj
def watch_(session: Session, job_id: str, epochs: float | None, at_most: float | None) -> None:
    """Watch a fine-tune until it has succeeded. If you stop watching, it continues.

    With --json, each event is one line, and the last line is the job.
    """
    with session.client() as client:
        watch(session, client, job_id, epochs=epochs, at_most=at_most)


@fine_tunes.command()
@click.argument("job_id", shell_complete=shell_candidates.fine_tunes)
@click.option("--metrics", is_flag=True, help="Only the numbers, as a table.")
@click.pass_obj
def events(session: Session, job_id: str, *, metrics: bool) -> None:
    """Show what happened in a fine-tune so far."""
    with session.client() as client:
        found = client.fine_tunes.events(job_id)
    if metrics:
        table = TrainingMetrics.from_events(found)
        if session.json:
            output.print_json(list(table))
        else:
            rows = [[row.get(name) for name in table.columns] for row in table]
            output.print_table([f"{name}:" for name in table.columns], rows, empty="There are no metrics yet.")
    elif session.json:
        output.print_json([with_metrics(event) for event in found])
    else:
        rows = [(clock(event), event.level, event.message) for event in found]
        output.print_table(("time", "level", "message"), rows, empty="There are no events yet.")


@fine_tunes.command()
@click.argument("job_id", shell_complete=shell_candidates.fine_tunes)
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a picture (.png, .svg or .pdf; needs matplotlib) instead of drawing in the terminal.",
)
@click.option("--title", help="The picture's title. Default: the job's id.")
@click.pass_obj
def plot(session: Session, job_id: str, path: Path | None, title: str | None) -> None:
    """Plot a fine-tune's losses over its epochs."""
    if path is not None and path.suffix.lower() not in _PICTURES:
        raise click.UsageError(f"The picture's name must end with {', '.join(_PICTURES[:-1])} or {_PICTURES[-1]}.")
    with session.client() as client:
        metrics = TrainingMetrics.from_events(client.fine_tunes.events(job_id))
    text = ""
    try:
        if path is not None:
            metrics.plot_loss(path, title=title or job_id)
        else:
            width = min(_MOST_WIDE, shutil.get_terminal_size().columns) - 12
            text = drawn(metrics.series("loss"), metrics.series("eval_loss"), width=max(width, 20))
    except (ValueError, ImportError) as error:
        raise click.ClickException(str(error)) from error
    if session.json:
        output.print_json({"path": path, "metrics": list(metrics)})
    else:
        click.echo(text if path is None else path)


@fine_tunes.command()
@click.argument("job_id", shell_complete=shell_candidates.fine_tunes)
@yes_option
@missing_ok_option
@click.pass_obj
def cancel(session: Session, job_id: str, *, yes: bool, missing_ok: bool) -> None:
    """Cancel a fine-tune. The server then removes it."""
    confirm(f"Cancel the fine-tune {job_id}?", yes=yes)
    with session.client() as client:
        reply = client.fine_tunes.cancel(job_id, missing_ok=missing_ok)
    if session.json:
        output.print_json(reply)
    else:
        click.echo(f"Cancelled {job_id}." if reply.success else f"There is no fine-tune {job_id}.")


@contextmanager
def _upload_advised(*names: str | None) -> Generator[None]:
    """Suggest --upload if the server does not know a file that exists on this machine."""
    try:
        yield
    except APIStatusError as error:
        here = [name for name in names if name and Path(name).is_file()]
        if here:
            error.add_note(f"{here[0]} is a file on this machine: --upload sends it to the server first")
        raise


def _local(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise click.BadParameter(f"{name} is not a file on this machine. If it is an id or a URL, leave out --upload.")
    return path


def _epochs(hyperparameters: dict[str, Any]) -> float | None:
    found = hyperparameters.get("epochs")
    return found if isinstance(found, int | float) else None
