"""`llmengine completion`: the script with which a shell completes this command's words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_VARIABLE = "_LLMENGINE_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash: llmengine completion bash > ~/.local/share/bash-completion/completions/llmengine
    zsh:  echo 'eval "$(llmengine completion zsh)"' >> ~/.zshrc
    fish: llmengine completion fish > ~/.config/fish/completions/llmengine.fish
    """  # noqa: D301 - a marker of click's
    kind = get_completion_class(shell)
    if kind is None:  # the registry of click can be changed
        raise click.UsageError(f"There is no completion for {shell}.")
    click.echo(kind(ctx.find_root().command, {}, "llmengine", _VARIABLE).source())
