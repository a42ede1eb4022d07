"""The model of a command: the given one, or the server's only one."""

from __future__ import annotations

import click

from llmengine_integrations import Client

from . import shell_candidates
from .session import listed

MODEL_VARIABLE = "LLM_ENGINE_MODEL"

model_option = click.option(
    "-m",
    "--model",
    metavar="NAME",
    envvar=MODEL_VARIABLE,
    show_envvar=True,
    shell_complete=shell_candidates.models,
    help="The model's name; `llmengine models list` shows the names. Not needed if the server has only one.",
)


def choose_model(client: Client, given: str | None) -> str:
    """Return the given model, or the server's only model.

    Raises:
        click.UsageError: No model was given, and there are several.
        click.ClickException: The server has no model that is ready.
    """
    if given:
        return given
    names = [model.name for model in client.models.list() if model.ready]
    if len(names) == 1:
        return names[0]
    if not names:
        raise click.ClickException(
            "The server has no model that is ready. `llmengine models list` shows the status of its models."
        )
    raise click.UsageError(f"Which model? Pass --model NAME or set {MODEL_VARIABLE}. The server has {listed(names)}.")
