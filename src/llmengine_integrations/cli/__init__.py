"""The command line, `llmengine`: one module per command or group of commands.

Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted with Ctrl-C.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click
from typing_extensions import override

from llmengine_integrations._version import __version__

from .options.session import connection_options
from .terminal import output
from .terminal import std_streams as streams
from .terminal.error_messages import of_system, told

_COMMANDS = {
    "serve": "serve",
    "data": "data",
    "complete": "complete",
    "chat": "chat",
    "models": "models",
    "files": "files",
    "fine-tunes": "fine_tunes",
    "batch": "batch",
    "doctor": "doctor",
    "completion": "completion",
}
"""Commands, each with the module that it is loaded from when it is needed, and its name there."""


class _Main(click.Group):
    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = _COMMANDS.get(cmd_name)
        return None if name is None else getattr(import_module(f"{__name__}.commands.{name}"), name)

    @override
    def invoke(self, ctx: click.Context) -> Any:
        if not output.colours_wanted():
            ctx.color = False
        with told(ctx):
            return super().invoke(ctx)

    @override
    def main(self, *args: Any, **settings: Any) -> Any:
        streams.fill()
        try:
            return super().main(*args, **settings)
        except OSError as error:  # from the help; what happens in a command has been told
            click.echo(f"Error: {of_system(error)}", err=True)
            sys.exit(1)
        finally:
            streams.settle()


@click.group(
    cls=_Main,
    params=connection_options(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="llmengine")
def main() -> None:
    """LLM Engine from the command line.

    Without --base-url and LLM_ENGINE_BASE_PATH the server is the one that `llmengine serve` starts on this machine. `llmengine doctor`
    finds out what is wrong with a connection.
    """
