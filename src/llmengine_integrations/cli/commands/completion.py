"""`llmengine completion`: what makes a shell complete this command's words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_VARIABLE = "_LLMENGINE_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a SHELL.

    \b
    bash: llmengine completion bash > ~/.local/share/bash-completion/completions/llmengine
    zsh:  echo 'eval "$(llmengine completion zsh)"' >> ~/.zshrc
    fish: llmengine completion fish > ~/.config/fish/completions/llmengine.fish
    """  # noqa: D301 - click knows it
    kind = get_completion_class(shell)
    if kind is None:  # click could be told to forget one
        raise click.UsageError(f"There is no completion for {shell}.")
    click.echo(kind(ctx.find_root().command, {}, "llmengine", _VARIABLE).source())
