"""Prompts or requests for a batch, from a file of the user's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import click

from llmengine_integrations.wire.batch_completions import BatchContent

from .option_types import piped


def read(path: str) -> Any:
    """What a batch is to work on: prompts, or a whole content as the gateway takes it.

    A `.txt` file has a prompt in each line. `.json` has a list of prompts or requests, or an object with `prompts`; `.jsonl` has one
    prompt (a string, or an object with nothing but `prompt`) or request in each line. `-` reads prompts, one a line, from a pipe.

    Raises:
        click.BadParameter: It is not valid.
        OSError: It cannot be read.
    """
    if path == "-":
        text = piped()
        if text is None:
            raise click.BadParameter("nothing is piped in")
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
    """What `read` finds, with the settings for prompts.

    Raises:
        click.BadParameter: It is nothing that a batch can work on.
        click.UsageError: There are settings, but requests, which have their own.
    """
    found = read(path)
    if isinstance(found, dict) and "prompts" in found:
        return cast("BatchContent", {**found, **settings})
    if found == []:
        raise click.BadParameter(f"{'standard input' if path == '-' else path} has no prompts: it is empty.")
    if not isinstance(found, list):
        raise click.BadParameter(f"{path} has no prompts: neither a list of them nor an object with `prompts`.")
    items = cast("list[Any]", found)
    prompts = [_prompt(item) for item in items]
    if all(prompt is not None for prompt in prompts):
        return cast("BatchContent", {"prompts": prompts, **settings})
    if not all(isinstance(item, dict) for item in items):
        raise click.BadParameter(f"{path} must have prompts or requests only: strings or objects.")
    if settings:
        raise click.UsageError("Requests have settings of their own: leave --max-new-tokens and the like out.")
    return cast("BatchContent", items)


def _prompt(item: Any) -> str | None:
    if isinstance(item, dict) and set(cast("dict[str, Any]", item)) == {"prompt"}:
        item = cast("dict[str, Any]", item)["prompt"]
    return item if isinstance(item, str) else None


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]
