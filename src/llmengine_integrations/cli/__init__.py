"""The command line, `llmengine`. Each command or group of commands has one module in `commands`.

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
from .terminal import output, std_streams
from .terminal.error_messages import errors_as_messages, os_error_text

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
"""Each command, with the module in `commands` that has it under the same name. A module is loaded when its command is used."""


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
        with errors_as_messages(ctx):
            return super().invoke(ctx)

    @override
    def main(self, *args: Any, **settings: Any) -> Any:
        std_streams.replace_closed()
        try:
            return super().main(*args, **settings)
        except OSError as error:  # from printing the help; errors of commands are already handled
            click.echo(f"Error: {os_error_text(error)}", err=True)
            sys.exit(1)
        finally:
            std_streams.discard_unwritable()


@click.group(
    cls=_Main,
    params=connection_options(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="llmengine")
def main() -> None:
    """LLM Engine from the command line.

    By default, commands use the server that `llmengine serve` starts on this machine. For another one, set LLM_ENGINE_BASE_PATH or pass
    --base-url. `llmengine doctor` finds out what is wrong with a connection.
    """
