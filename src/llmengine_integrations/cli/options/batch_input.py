"""Prompts or requests for a batch, from the user's file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import click

from llmengine_integrations.wire.batch_completions import BatchContent

from .option_types import piped


def read(path: str) -> Any:
    """Read prompts, or a content in the gateway's format, from a file.

    A `.txt` file has one prompt per line. A `.json` file has a list of prompts or requests, or an object with `prompts`. A `.jsonl` file
    has one prompt (a string, or an object with only `prompt`) or request per line. `-` reads prompts from a pipe, one per line.

    Raises:
        click.BadParameter: The file is not valid.
        OSError: The file cannot be read.
    """
    if path == "-":
        text = piped()
        if text is None:
            raise click.BadParameter("standard input is a terminal, not a pipe")
        return _lines(text)
    text = Path(path).expanduser().read_text(encoding="utf-8-sig")
    try:
        match Path(path).suffix.lower():
            case ".json":
                found: Any = json.loads(text)
            case ".jsonl" | ".ndjson":
                found = [json.loads(line) for line in text.splitlines() if line.strip()]
            case _:
                return _lines(text)
    except ValueError as error:
        raise click.BadParameter(f"{path} is not valid JSON: {error}") from error
    return found


def content(path: str, settings: dict[str, Any]) -> BatchContent:
    """Return what `read` finds, with the settings for prompts.

    Raises:
        click.BadParameter: The file contains neither prompts nor requests.
        click.UsageError: There are settings, but the file contains requests, which have their own.
    """
    found = read(path)
    if isinstance(found, dict) and "prompts" in found:
        return cast("BatchContent", {**found, **settings})
    if found == []:
        raise click.BadParameter(f"{'standard input' if path == '-' else path} is empty; it must contain prompts.")
    if not isinstance(found, list):
        raise click.BadParameter(f"{path} must contain a list of prompts, or an object with `prompts`.")
    items = cast("list[Any]", found)
    prompts = [_prompt(item) for item in items]
    if all(prompt is not None for prompt in prompts):
        return cast("BatchContent", {"prompts": prompts, **settings})
    if not all(isinstance(item, dict) for item in items):
        raise click.BadParameter(f"{path} must contain only prompts (strings) or requests (objects).")
    if settings:
        raise click.UsageError("Requests contain their own settings. Leave out --max-new-tokens and the like.")
    return cast("BatchContent", items)


def _prompt(item: Any) -> str | None:
    if isinstance(item, dict) and set(cast("dict[str, Any]", item)) == {"prompt"}:
        item = cast("dict[str, Any]", item)["prompt"]
    return item if isinstance(item, str) else None


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]
