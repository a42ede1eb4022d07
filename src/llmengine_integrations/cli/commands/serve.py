"""`llmengine serve`: the embedded engine in the foreground."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import SecretStr

from llmengine_integrations.engine.config import (
    API_KEY_VARIABLE,
    DEFAULT_MODEL_NAME,
    DEFAULT_MODEL_PATH,
    DTYPES,
    EngineConfig,
    EngineConfigError,
    UnsafeHostError,
    check_start,
)

from ..options.sizes import size

if TYPE_CHECKING:
    from llmengine_integrations.engine.http.server import Server

_INTERRUPTED = 130
_PROMPT = r"Maria lives in Valencia.\nQuestion: Where does Maria live?\nAnswer:"  # the small model answers this kind


@click.command()
@click.option(
    "--model",
    "models",
    metavar="NAME=PATH",
    multiple=True,
    help=f"A Hugging Face causal-LM folder and its name; repeatable, the first is the default model. "
    f"Without any: {DEFAULT_MODEL_NAME}, a small test model.",
)
@click.option(
    "--alias",
    "aliases",
    metavar="NAME[=MODEL]",
    multiple=True,
    help="A further name of the default model, or of the model after the equals sign; repeatable.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Any other than this machine needs an API key.")
@click.option("--port", type=click.IntRange(0, 65535), default=5005, show_default=True, help="0 takes any free port.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for what the engine keeps. Without it: a temporary one, deleted when the engine stops.",
)
@click.option(
    "--max-upload-size",
    metavar="SIZE",
    type=size,
    default=2**30,
    show_default="1GiB",
    help="The largest file that can be uploaded, in bytes or like 512MB.",
)
@click.option(
    "--allow-path",
    "allow_paths",
    metavar="FOLDER",
    multiple=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder outside the data folder in which batches and fine-tunes may read and write files; repeatable.",
)
@click.option(
    "--allow-code-evaluator",
    is_flag=True,
    help="Let batches run the code that the model writes, in a process with limits.",
)
@click.option(
    "--allow-private-urls",
    is_flag=True,
    help="Let fine-tunes fetch their files from this machine and from private networks.",
)
@click.option("--max-trainings", type=click.IntRange(1), default=1, show_default=True, help="Fine-tunes at a time.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps or xpu.")
@click.option(
    "--dtype",
    type=click.Choice(DTYPES),
    default="auto",
    show_default=True,
    help="The numbers to compute with; auto is float32 on a CPU, else what the folder has.",
)
@click.option(
    "--kv-memory",
    metavar="SIZE",
    type=size,
    help="Memory for the keys and values of all completions in flight, like 512MB; others wait. "
    "Without it: a share of what is free once the models are loaded.",
)
@click.option(
    "--api-key",
    envvar=API_KEY_VARIABLE,
    show_envvar=True,
    help="The only key let in. Without it every key is. Better set the variable: others can see command lines.",
)
@click.option("--threads", type=click.IntRange(1), help="CPU threads of torch; one for small models by default.")
@click.option("--max-batch-size", type=click.IntRange(1), default=16, show_default=True, help="Completions at a time.")
def serve(models: tuple[str, ...], aliases: tuple[str, ...], api_key: str | None, **options: object) -> None:
    """Serve LLM Engine's API on this machine from a real model.

    Stop it with Ctrl-C.
    """
    try:
        named = _models(models)
        config = EngineConfig.model_validate(
            {
                "models": named,
                "aliases": _aliases(aliases, next(iter(named))),
                "api_key": SecretStr(api_key) if api_key else None,
                **options,
            }
        )
        check_start(config)
        _serve(config)
    except UnsafeHostError as error:
        raise click.UsageError(str(error)) from error
    except EngineConfigError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _serve(config: EngineConfig) -> None:
    from llmengine_integrations.engine.http.server import leave  # noqa: PLC0415 - needs the extra, just checked
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
    leave()


def _example(url: str, config: EngineConfig) -> str:
    user = "any:" if config.api_key is None else "$" + API_KEY_VARIABLE + ":"
    body = f'{{"prompt": "{_PROMPT}", "max_new_tokens": 16, "temperature": 0}}'
    return (
        f"curl -u \"{user}\" '{url}/v1/llm/completions-sync?model_endpoint_name={config.default_model}' "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )


def _models(given: tuple[str, ...]) -> dict[str, Path]:
    models: dict[str, Path] = {}
    for text in given:
        name, separator, path = text.partition("=")
        if not (name and separator and path):
            raise click.BadParameter(f"{text!r} is not NAME=PATH", param_hint="--model")
        if name in models:
            raise click.BadParameter(f"two models are named {name!r}", param_hint="--model")
        models[name] = Path(path).expanduser()
    return models or {DEFAULT_MODEL_NAME: DEFAULT_MODEL_PATH}


def _aliases(given: tuple[str, ...], default: str) -> dict[str, str]:
    aliases: dict[str, str] = {}
    for text in given:
        alias, separator, name = text.partition("=")
        if not alias or (separator and not name):
            raise click.BadParameter(f"{text!r} is not NAME or NAME=MODEL", param_hint="--alias")
        if aliases.setdefault(alias, name or default) != (name or default):
            raise click.BadParameter(f"{alias!r} is given two models", param_hint="--alias")
    return aliases
