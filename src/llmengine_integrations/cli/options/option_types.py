"""Types of option values: numbers, sizes, text and JSON, on the command line or in a file; and standard input."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import click
from typing_extensions import override

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])(i?))?B?", re.IGNORECASE)
_POWERS = " KMGT"


class Number(click.FloatRange):
    """A finite number in a range. click's own type accepts `nan` and `inf`."""

    name = "number"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return found


def size(text: str | int) -> int:
    """Return the bytes of a size such as 1000000, 512MB or 2GiB.

    K, M, G and T are powers of 1000; Ki, Mi, Gi and Ti are powers of 1024. A B may follow.

    Raises:
        click.BadParameter: The value is not a size, or less than one byte.
    """
    found = _SIZE.fullmatch(str(text).strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is not a size. Examples: 1000000, 512MB, 2GiB")
    number, unit, binary = found.groups()
    power = _POWERS.index(unit.upper()) if unit else 0
    bytes_ = int(float(number) * (1024 if binary else 1000) ** power)
    if bytes_ < 1:
        raise click.BadParameter("it must be at least one byte")
    return bytes_


def size_text(bytes_: int) -> str:
    """Format a number of bytes for `size`, in the largest power of 1024 that divides it."""
    power = 0
    while power < len(_POWERS) - 1 and bytes_ % 1024 ** (power + 1) == 0:
        power += 1
    return f"{bytes_ // 1024**power}{_POWERS[power]}iB" if power else str(bytes_)


def text_or_file(value: str) -> str:
    """Return the text, or for `@FILE` the text of a file.

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
    """Return a JSON object, given as text or as `@FILE`.

    Raises:
        click.BadParameter: The value is not a JSON object.
    """
    found = _json(value)
    if not isinstance(found, dict):
        raise click.BadParameter("it must be a JSON object, like {...}")
    return cast("dict[str, Any]", found)


def json_array(value: str) -> list[Any]:
    """Return a JSON array, given as text or as `@FILE`.

    Raises:
        click.BadParameter: The value is not a JSON array.
    """
    found = _json(value)
    if not isinstance(found, list):
        raise click.BadParameter("it must be a JSON array, like [...]")
    return cast("list[Any]", found)


def text_pair(value: str) -> tuple[str, str]:
    """Split `NAME=VALUE`.

    Raises:
        click.BadParameter: The value is not NAME=VALUE.
    """
    name, separator, given = value.partition("=")
    if not name or not separator:
        raise click.BadParameter(f"{value!r} is not NAME=VALUE")
    return name, given


def pair(value: str) -> tuple[str, Any]:
    """Split `NAME=VALUE`. The value is parsed as JSON if possible; otherwise it is text.

    Raises:
        click.BadParameter: The value is not NAME=VALUE.
    """
    name, given = text_pair(value)
    try:
        return name, json.loads(given)
    except ValueError:
        return name, given


def given_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given, for the client: repeatable ones as lists."""
    found: dict[str, Any] = {name: list(value) if _repeated(value) else value for name, value in options.items()}
    return {name: value for name, value in found.items() if value is not None and value != []}


def piped() -> str | None:
    """Read the text that is piped into the command; None if standard input is a terminal."""
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
