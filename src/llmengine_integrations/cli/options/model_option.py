"""Which model a command asks: the one that is named, or the only one."""

from __future__ import annotations

import click

from llmengine_integrations import Client

from . import shell_candidates as completing
from .session import listed

MODEL_VARIABLE = "LLM_ENGINE_MODEL"

model_option = click.option(
    "-m",
    "--model",
    metavar="NAME",
    envvar=MODEL_VARIABLE,
    show_envvar=True,
    shell_complete=completing.models,
    help="The model's name, as `llmengine models list` shows it; not needed where the server has only one.",
)


def choose_model(client: Client, given: str | None) -> str:
    """The model that was named, or the only one that the server has.

    Raises:
        click.UsageError: None was named, and there are several.
    """
    if given:
        return given
    names = [model.name for model in client.models.list() if model.ready]
    if len(names) == 1:
        return names[0]
    if not names:
        raise click.ClickException("The server has no model that is ready: see `llmengine models list`.")
    raise click.UsageError(f"Which model? Give --model NAME, or set {MODEL_VARIABLE}. There are {listed(names)}.")
