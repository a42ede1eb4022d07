"""`llmengine files`: the training data of fine-tunes."""

from __future__ import annotations

from pathlib import Path

import click

from llmengine_integrations import Client
from llmengine_integrations.errors import TrainingDataError
from llmengine_integrations.types import TrainingData, UploadedFile

from ..options import shell_candidates
from ..options.session import Group, Session, confirm, missing_ok_option, yes_option
from ..terminal import output, progress

local_file = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@click.group(cls=Group)
def files() -> None:
    """Upload, check, list, read, download and delete files."""


@files.command()
@click.argument("path", type=local_file)
@click.option("--name", help="Store the file under this name. Default: its own name.")
@click.option("--check", is_flag=True, help="First check that it can be used for training; otherwise send nothing.")
@click.pass_obj
def upload(session: Session, path: Path, name: str | None, *, check: bool) -> None:
    """Upload the file at PATH."""
    with session.client() as client:
        uploaded = send(client, path, name=name, check=check)
    if session.json:
        output.print_json(uploaded)
    else:
        click.echo(uploaded.id)


def send(client: Client, path: Path, *, name: str | None = None, check: bool = False) -> UploadedFile:
    """Upload a file, with a progress bar on a terminal."""
    if check:
        warn(path, client.files.check(path))
    with progress.transfers() as moved:
        return client.files.upload(path, name, on_progress=lambda done, total: moved(path.name, done, total))


def warn(path: Path, found: TrainingData) -> None:
    """Print the warnings about a file that can be used for training."""
    for warning in found.warnings:
        output.print_note(f"Warning: {path.name}: {warning}")


@files.command()
@click.argument("path", type=local_file)
@click.pass_obj
@click.pass_context
def check(ctx: click.Context, session: Session, path: Path) -> None:
    """Check that the file at PATH can be used for training. Nothing is sent."""
    with Client("http://127.0.0.1") as client:  # sends nothing, so the address does not matter
        try:
            found = client.files.check(path)
        except TrainingDataError as error:
            if session.json:
                output.print_json({"fit": False, "problems": error.problems})
            else:
                for problem in error.problems:
                    click.echo(f"{path.name}: {problem}")
            ctx.exit(1)
    if session.json:
        output.print_json({"fit": True, "data": found})
        return
    warn(path, found)
    click.echo(f"{path.name}: {found.rows} rows of {' and '.join(found.columns)}, fit for training.")


@files.command("list")
@click.pass_obj
def list_(session: Session) -> None:
    """List your files."""
    with session.client() as client:
        found = client.files.list()
    if session.json:
        output.print_json(list(found))
        return
    rows = [(file.id, file.filename, file.size) for file in found]
    output.print_table(("id", "name", "bytes:"), rows, empty="There are no files.")


@files.command()
@click.argument("file_id", shell_complete=shell_candidates.files)
@click.pass_obj
def get(session: Session, file_id: str) -> None:
    """Show a file's name and size."""
    with session.client() as client:
        file = client.files.get(file_id)
    if session.json:
        output.print_json(file)
    else:
        output.print_fields([("id", file.id), ("name", file.filename), ("bytes", file.size)])


@files.command()
@click.argument("file_id", shell_complete=shell_candidates.files)
@click.pass_obj
def content(session: Session, file_id: str) -> None:
    """Print a file's text."""
    with session.client() as client:
        found = client.files.content(file_id)
    if session.json:
        output.print_json(found)
    else:
        output.print_text(found.content)


@files.command(short_help="Download a file.")
@click.argument("file_id", shell_complete=shell_candidates.files)
@click.argument("to", type=click.Path(path_type=str), default=".", required=False)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.pass_obj
def download(session: Session, file_id: str, to: str, *, overwrite: bool) -> None:
    """Download a file to the path TO, or into the folder TO under its own name. Default: this folder."""
    with session.client() as client, progress.transfers() as moved:
        path = client.files.download(
            file_id, to, overwrite=overwrite, on_progress=lambda done, total: moved(file_id, done, total)
        )
    if session.json:
        output.print_json({"path": path})
    else:
        click.echo(path)


@files.command()
@click.argument("file_id", shell_complete=shell_candidates.files)
@yes_option
@missing_ok_option
@click.pass_obj
def delete(session: Session, file_id: str, *, yes: bool, missing_ok: bool) -> None:
    """Delete a file."""
    confirm(f"Delete the file {file_id}?", yes=yes)
    with session.client() as client:
        reply = client.files.delete(file_id, missing_ok=missing_ok)
    if session.json:
        output.print_json(reply)
    else:
        click.echo(f"Deleted {file_id}." if reply.deleted else f"There is no file {file_id}.")
