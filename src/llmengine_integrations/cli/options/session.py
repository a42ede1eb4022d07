"""What the commands that talk to a server share: the connection's options, and the client that these make."""

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
    """What the connection's options said, wherever on the command line they stood."""

    base_url: str | None = None
    api_key: str | None = None
    timeout: float | None = None
    json: bool = False

    def client(self) -> Client:
        """A client for it; what is not given comes from the environment."""
        return Client(self.base_url, self.api_key, timeout=self.timeout)


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    session = ctx.ensure_object(Session)
    if value is not None and value is not False and param.name:
        setattr(session, param.name, value)


def connection_options() -> list[click.Parameter]:
    """The options that make a command's `Session`."""
    return [
        _option("--base-url", metavar="URL", help="Where the gateway is; LLM_ENGINE_BASE_PATH by default."),
        _option(
            "--api-key",
            metavar="KEY",
            help="SCALE_API_KEY by default. Better set the variable: others can see command lines.",
        ),
        _option(
            "--timeout",
            metavar="SECONDS",
            type=Number(0, min_open=True),
            help="How long to wait for the server's next byte; 600 by default.",
        ),
        _option("--json", is_flag=True, help="Print JSON: one document, or for a stream one object a line."),
    ]


def _option(name: str, **settings: Any) -> click.Option:
    return click.Option([name], callback=_remember, expose_value=False, **settings)


class Command(click.Command):
    """A command that talks to a server: it takes the connection's options besides its own."""

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
    """A group of such commands."""

    command_class = Command


def listed(names: Iterable[str]) -> str:
    """Names as a sentence shows them: the first few."""
    found = list(names)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more


yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
missing_ok_option = click.option("--missing-ok", is_flag=True, help="It is fine if it is not there.")


def sure(question: str, *, yes: bool) -> None:
    """Ask before something is lost.

    Raises:
        click.UsageError: There is nobody to ask.
        click.exceptions.Exit: The answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for confirmation. Pass --yes to confirm.")
    if not click.confirm(question, err=True):
        click.echo("Nothing was done.", err=True)
        raise click.exceptions.Exit(1)
