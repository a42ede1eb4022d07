"""Printing to a terminal or a pipe: JSON, tables, fields."""

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
"""Below this number of columns, text is not wrapped."""


def print_json(value: object) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(as_json(value), ensure_ascii=False, indent=2))


def print_json_line(value: object) -> None:
    """Print one JSON object on one line, and flush."""
    click.echo(json.dumps(as_json(value), ensure_ascii=False))


def as_json(value: object) -> Any:
    """Return the value as JSON types. NaN and infinity become null."""
    match value:
        case BaseModel():
            return as_json(value.model_dump(mode="json"))
        case Mapping():
            return {str(key): as_json(item) for key, item in cast("Mapping[object, object]", value).items()}
        case str() | int() | float() | None:
            return None if isinstance(value, float) and not math.isfinite(value) else value
        case Path():
            return str(value)
        case Iterable():
            return [as_json(item) for item in cast("Iterable[object]", value)]
        case _:
            fields = dataclasses.fields(cast("Any", value))
            return {field.name: as_json(getattr(value, field.name)) for field in fields}


def visible(text: str) -> str:
    """Replace control characters, which could redraw the terminal, with visible ones."""
    return text.translate(_CONTROL)


def colours_wanted() -> bool:
    """Whether to use colours: not with NO_COLOR (https://no-color.org) or on a dumb terminal."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_text(text: str) -> None:
    """Print text and flush. In a pipe or a file, it is unchanged."""
    click.echo(visible(text) if sys.stdout.isatty() else text, nl=False)


def print_note(text: str) -> None:
    """Print a note to standard error."""
    click.echo(visible(text), err=True)


def print_fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Print one line per name and value. Names without a value are left out."""
    shown = [(name, visible(_cell(value))) for name, value in pairs if value not in (None, "")]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(
            f"{click.style(name.ljust(width), bold=True)}{COLUMNS_APART}{hanging(value, width + len(COLUMNS_APART))}"
        )


def hanging(text: str, left: int) -> str:
    """Wrap text and indent all lines but the first by `left` columns. In a pipe, keep one line."""
    width = shutil.get_terminal_size().columns - left
    if not sys.stdout.isatty() or width < _NARROWEST:
        return text
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return f"\n{' ' * left}".join(lines)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print a table. In a pipe it is tab-separated, without a header, for `cut` and `awk`.

    Args:
        columns: The titles. A colon at the end is not printed, and aligns the column to the right.
        rows: The cells.
        empty: What to print to standard error if there are no rows.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    if not cells:
        print_note(empty)
    elif not sys.stdout.isatty():
        for row in cells:
            click.echo("\t".join(" ".join(cell.split()) for cell in row))
    else:
        _draw(columns, [[" ".join(visible(cell).split()) for cell in row] for row in cells])


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    try:
        from rich.console import Console  # noqa: PLC0415 - optional, and not for JSON
        from rich.table import Table  # noqa: PLC0415 - optional
        from rich.text import Text  # noqa: PLC0415 - optional
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
