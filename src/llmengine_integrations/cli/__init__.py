"""The command line, `llmengine`: one module per command.

Exit status: 0 done, 1 failed, 2 wrong usage.
"""

from __future__ import annotations

import click

from llmengine_integrations._version import __version__

from .serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="llmengine")
def main() -> None:
    """LLM Engine from the command line."""


main.add_command(serve)
