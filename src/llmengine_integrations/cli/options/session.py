"""Connection options, which all commands share that use a server, and the client that they configure."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import click
from typing_extensions import override

from llmengine_integrations import Client

from .option_types import Number

_SHOWN = 8


@dataclass(slots=True)
class Session:
    """The values of the connection options, from anywhere on the command line."""

    base_url: str | None = None
    api_key: str | None = None
    timeout: float | None = None
    json: bool = False

    def client(self) -> Client:
        """Create a client. Options that were not given come from the environment."""
        return Client(self.base_url, self.api_key, timeout=self.timeout)


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    session = ctx.ensure_object(Session)
    if value is not None and value is not False and param.name:
        setattr(session, param.name, value)


def connection_options() -> list[click.Parameter]:
    """Return the options that set a command's `Session`."""
    return [
        _option("--base-url", metavar="URL", help="The gateway's URL. Default: LLM_ENGINE_BASE_PATH."),
        _option(
            "--api-key",
            metavar="KEY",
            help="Default: SCALE_API_KEY. Prefer the variable; other users can see command lines.",
        ),
        _option(
            "--timeout",
            metavar="SECONDS",
            type=Number(0, min_open=True),
            help="Longest wait for the server's next byte. Default: 600.",
        ),
        _option("--json", is_flag=True, help="Print JSON: one document, or one object per line for a stream."),
    ]


def _option(name: str, **settings: Any) -> click.Option:
    return click.Option([name], callback=_remember, expose_value=False, **settings)


class Command(click.Command):
    """A command that uses a server. It also takes the connection options."""

    def __init__(self, *args: Any, params: Sequence[click.Parameter] | None = None, **settings: Any) -> None:
        super().__init__(*args, params=[*(params or ()), *connection_options()], **settings)

    @override
    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                (shared if param.name in Session.__dataclass_fields__ else own).append(record)
        for title, records in (("Options", own), ("Connection and output", shared)):
            with formatter.section(title):
                formatter.write_dl(records)


class Group(click.Group):
    """A group of commands that use a server."""

    command_class = Command


def listed(names: Iterable[str]) -> str:
    """Format the first names for a sentence, and count the rest."""
    found = list(names)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more


yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
missing_ok_option = click.option("--missing-ok", is_flag=True, help="Succeed if it does not exist.")


def confirm(question: str, *, yes: bool) -> None:
    """Ask for confirmation before something is deleted or cancelled.

    Raises:
        click.UsageError: Standard input is not a terminal.
        click.exceptions.Exit: The answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for confirmation. Pass --yes to confirm.")
    if not click.confirm(question, err=True):
        click.echo("Nothing was done.", err=True)
        raise click.exceptions.Exit(1)
