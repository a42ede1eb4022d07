"""What goes to the terminal or into a pipe: JSON, tables, fields."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import click
from pydantic import BaseModel

_CONTROL = (
    {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"}
    | {0x7F: "\u2421"}
    | dict.fromkeys(range(0x80, 0xA0), "\ufffd")
)
COLUMNS_APART = "  "
_NARROWEST = 20
"""Columns below which wrapping makes nothing easier to read."""


def document(value: object) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(plain(value), ensure_ascii=False, indent=2))


def line(value: object) -> None:
    """Print one JSON object on a line of its own, at once."""
    click.echo(json.dumps(plain(value), ensure_ascii=False))


def plain(value: object) -> Any:
    """What JSON can hold of a value; numbers that are none become null."""
    match value:
        case BaseModel():
            return plain(value.model_dump(mode="json"))
        case Mapping():
            return {str(key): plain(item) for key, item in cast("Mapping[object, object]", value).items()}
        case str() | int() | float() | None:
            return None if isinstance(value, float) and not math.isfinite(value) else value
        case Path():
            return str(value)
        case Iterable():
            return [plain(item) for item in cast("Iterable[object]", value)]
        case _:
            fields = dataclasses.fields(cast("Any", value))
            return {field.name: plain(getattr(value, field.name)) for field in fields}


def visible(text: str) -> str:
    """Text of others as it may go to a terminal: control characters, which could redraw it, are made visible."""
    return text.translate(_CONTROL)


def colours_wanted() -> bool:
    """Whether a terminal may be coloured: https://no-color.org, and terminals that say that they know no colours."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def write(text: str) -> None:
    """Print text as it comes, at once; into a pipe or a file unchanged."""
    click.echo(visible(text) if sys.stdout.isatty() else text, nl=False)


def note(text: str) -> None:
    """Say something beside the result, on standard error."""
    click.echo(visible(text), err=True)


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values below each other; those without a value are left out."""
    shown = [(name, visible(_cell(value))) for name, value in pairs if value not in (None, "")]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(
            f"{click.style(name.ljust(width), bold=True)}{COLUMNS_APART}{hanging(value, width + len(COLUMNS_APART))}"
        )


def hanging(text: str, left: int) -> str:
    """Text whose further lines begin where its first one does, so many columns from the left; in a pipe it is one line."""
    width = shutil.get_terminal_size().columns - left
    if not sys.stdout.isatty() or width < _NARROWEST:
        return text
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return f"\n{' ' * left}".join(lines)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print a table: for people on a terminal; else tab-separated without a header, for `cut` and `awk`.

    Args:
        columns: Their titles; one that ends with a colon is set to the right, without the colon.
        rows: The cells.
        empty: What to say on standard error where there are no rows.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    if not cells:
        note(empty)
    elif not sys.stdout.isatty():
        for row in cells:
            click.echo("\t".join(" ".join(cell.split()) for cell in row))
    else:
        _draw(columns, [[" ".join(visible(cell).split()) for cell in row] for row in cells])


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    try:
        from rich.console import Console  # noqa: PLC0415 - optional, and not for JSON
        from rich.table import Table  # noqa: PLC0415 - as above
        from rich.text import Text  # noqa: PLC0415 - as above
    except ImportError:
        _align(columns, rows)
        return
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in columns:
        right = title.endswith(":")
        wrapping = title.rstrip(":").replace("_", " ")  # a narrow column breaks its title between words only
        drawn.add_column(wrapping, justify="right" if right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    Console().print(drawn)


def _align(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    titles = [title.rstrip(":") for title in columns]
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for number, row in enumerate([titles, *rows]):
        padded = (
            cell.rjust(width) if title.endswith(":") else cell.ljust(width)
            for cell, width, title in zip(row, widths, columns, strict=True)
        )
        click.secho(COLUMNS_APART.join(padded).rstrip(), bold=number == 0)


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
