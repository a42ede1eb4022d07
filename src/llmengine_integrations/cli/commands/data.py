"""`llmengine data`: back up the data folder of an embedded engine, and add to its database what it does not list."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import click

from llmengine_integrations.engine.config import EngineConfigError

from ..options.session import Group, Session
from ..terminal import output

_folder = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group(cls=Group)
def data() -> None:
    """Back up and repair the data folder of `llmengine serve`."""


@data.command()
@click.argument("folder", type=_folder)
@click.argument("to", type=click.Path(path_type=Path))
@click.pass_obj
def backup(session: Session, folder: Path, to: Path) -> None:
    """Copy the data folder FOLDER to the new folder TO.

    The engine may keep running. `llmengine serve --data TO` serves the copy.
    """
    from llmengine_integrations.engine.store import back_up  # noqa: PLC0415 - only this command needs it

    with _one_line():
        back_up(folder, to)
    if session.json:
        output.print_json({"folder": folder, "backup": to})
    else:
        click.echo(f"Copied {folder} to {to}.")


@data.command()
@click.argument("folder", type=_folder)
@click.pass_obj
@click.pass_context
def adopt(ctx: click.Context, session: Session, folder: Path) -> None:
    """Add the uploads, fine-tuned models and unfinished fine-tunes in FOLDER to its database.

    Stop the engine first. A missing database is created. The exit status is 1 if something could not be added.
    """
    from llmengine_integrations.engine.store import adopt as take_in  # noqa: PLC0415 - only this command needs it
    from llmengine_integrations.engine.store import counted  # noqa: PLC0415 - as above

    with _one_line():
        adopted = take_in(folder)
    if session.json:
        refused = [{"path": path, "reason": reason} for path, reason in adopted.refused]
        output.print_json({"taken": adopted.taken, "refused": refused})
    else:
        for path in adopted.taken:
            click.echo(path.relative_to(folder))
        output.print_note(f"Added: {counted(adopted.taken) or 'nothing'}.")
        for path, reason in adopted.refused:
            output.print_note(f"Not added: {path.relative_to(folder)}: {reason}. It was left unchanged.")
    if adopted.refused:
        ctx.exit(1)


@contextmanager
def _one_line() -> Generator[None]:
    try:
        yield
    except EngineConfigError as error:
        raise click.ClickException(str(error)) from error
