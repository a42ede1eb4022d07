"""`llmengine serve`: the embedded engine in the foreground."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from llmengine_integrations.engine.config import (
    API_KEY_VARIABLE,
    EngineConfig,
    EngineConfigError,
    UnsafeHostError,
    check_start,
    named_models,
)
from llmengine_integrations.engine.process_exit import exit_now

from ..options.engine_options import engine_options
from ..terminal.error_messages import INTERRUPTED

if TYPE_CHECKING:
    from llmengine_integrations.engine.http.server import Server

_PROMPT = r"Maria lives in Valencia.\nQuestion: Where does Maria live?\nAnswer:"  # the small model answers this kind


@click.command()
@engine_options
def serve(models: tuple[str, ...], aliases: tuple[str, ...], **settings: object) -> None:
    """Serve LLM Engine's API on this machine from a real model.

    Stop it with Ctrl-C.
    """
    try:
        config = EngineConfig.model_validate(settings | named_models(_models(models), _aliases(aliases)))
        check_start(config)
        _serve(config)
    except UnsafeHostError as error:
        raise click.UsageError(str(error)) from error
    except EngineConfigError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _serve(config: EngineConfig) -> None:
    from llmengine_integrations.engine.http.server import serve as run  # noqa: PLC0415 - needs the extra, just checked

    def listening(url: str, _: Server) -> None:
        click.echo(f"Listening on {url} and loading {', '.join(config.models)} ...")
        if config.data is None:
            click.echo(
                "Uploads are kept in a temporary folder and deleted when the engine stops; --data FOLDER keeps them."
            )

    def ready(url: str) -> None:
        names = [*config.models, *(f"{alias} (= {name})" for alias, name in config.aliases.items())]
        click.echo(f"Ready. Models: {', '.join(names)}\n")
        click.echo(f"Try it:\n  {_example(url, config)}\n\nStop it with Ctrl-C.")

    run(config, on_listening=listening, on_ready=ready)
    click.echo("Stopped.")
    exit_now()


def _example(url: str, config: EngineConfig) -> str:
    user = "any:" if config.api_key is None else "$" + API_KEY_VARIABLE + ":"
    body = f'{{"prompt": "{_PROMPT}", "max_new_tokens": 16, "temperature": 0}}'
    return (
        f"curl -u \"{user}\" '{url}/v1/llm/completions-sync?model_endpoint_name={config.default_model}' "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )


def _models(given: tuple[str, ...]) -> dict[str, str]:
    models: dict[str, str] = {}
    for text in given:
        name, separator, source = text.partition("=")
        if not (name and separator and source):
            raise click.BadParameter(f"{text!r} is not NAME=SOURCE", param_hint="--model")
        if name in models:
            raise click.BadParameter(f"two models are named {name!r}", param_hint="--model")
        models[name] = source
    return models


def _aliases(given: tuple[str, ...]) -> dict[str, str | None]:
    aliases: dict[str, str | None] = {}
    for text in given:
        alias, separator, name = text.partition("=")
        if not alias or (separator and not name):
            raise click.BadParameter(f"{text!r} is not NAME or NAME=MODEL", param_hint="--alias")
        if aliases.setdefault(alias, name or None) != (name or None):
            raise click.BadParameter(f"{alias!r} is given two models", param_hint="--alias")
    return aliases
