"""Values that options take: text or JSON, on the command line itself or in a file; and what is piped in."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import click
from typing_extensions import override


class Number(click.FloatRange):
    """A number in a range; `nan` lies in none, whatever it is compared with, and `inf` is no time to wait."""

    name = "number"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return found


def text_or_file(value: str) -> str:
    """Text, or with `@FILE` what is in a file.

    Raises:
        click.BadParameter: The file cannot be read.
    """
    if not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise click.BadParameter(f"{value[1:]}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise click.BadParameter(f"{value[1:]} is not text in UTF-8") from error


def json_object(value: str) -> dict[str, Any]:
    """A JSON object, or `@FILE` with one.

    Raises:
        click.BadParameter: The value is not a JSON object.
    """
    found = _json(value)
    if not isinstance(found, dict):
        raise click.BadParameter("it must be a JSON object, like {...}")
    return cast("dict[str, Any]", found)


def json_array(value: str) -> list[Any]:
    """A JSON array, or `@FILE` with one.

    Raises:
        click.BadParameter: The value is not a JSON array.
    """
    found = _json(value)
    if not isinstance(found, list):
        raise click.BadParameter("it must be a JSON array, like [...]")
    return cast("list[Any]", found)


def text_pair(value: str) -> tuple[str, str]:
    """`NAME=VALUE`.

    Raises:
        click.BadParameter: The value is not NAME=VALUE.
    """
    name, separator, given = value.partition("=")
    if not name or not separator:
        raise click.BadParameter(f"{value!r} is not NAME=VALUE")
    return name, given


def pair(value: str) -> tuple[str, Any]:
    """`NAME=VALUE`, where the value is JSON if it can be read as such, and text otherwise.

    Raises:
        click.BadParameter: The value is not NAME=VALUE.
    """
    name, given = text_pair(value)
    try:
        return name, json.loads(given)
    except ValueError:
        return name, given


def given_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, as the client takes them: what may be repeated as a list."""
    found: dict[str, Any] = {name: list(value) if _repeated(value) else value for name, value in options.items()}
    return {name: value for name, value in found.items() if value is not None and value != []}


def piped() -> str | None:
    """What is piped into the command; None where standard input is a terminal."""
    if sys.stdin.isatty():
        return None
    return sys.stdin.buffer.read().decode("utf-8-sig")


def _json(value: str) -> object:
    try:
        return json.loads(text_or_file(value))
    except ValueError as error:
        raise click.BadParameter(f"it is not valid JSON: {error}") from error


def _repeated(value: object) -> bool:
    return isinstance(value, tuple)
