"""The rows of a table as text: CSV or JSON lines, by the file's extension."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, cast


def table_rows(filename: str, text: str) -> Iterator[Mapping[str, Any]] | None:
    """Return the rows of a CSV or JSON lines file, by column names; None for a file of another kind.

    Args:
        filename: Its extension decides the format: `.csv`, or `.jsonl` (`.ndjson`).
        text: The whole file.

    Raises:
        ValueError: When iterating: a row cannot be read; the message says which.
    """
    text = text.removeprefix("\ufeff")
    match filename.lower().rpartition(".")[2]:
        case "csv":
            return _csv_rows(filename, text)
        case "jsonl" | "ndjson":
            return _json_rows(filename, text)
        case _:
            return None


def cell_text(value: object) -> str:
    """Return a cell as text: strings unchanged, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _csv_rows(filename: str, text: str) -> Iterator[Mapping[str, str]]:
    records = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(records, list[str]())
        for number, record in enumerate((record for record in records if record), start=1):
            if len(record) != len(header):
                raise ValueError(f"{filename}: row {number} has {len(record)} cells, the header {len(header)}")
            yield dict(zip(header, record, strict=True))
    except csv.Error as error:
        raise ValueError(f"{filename}: line {records.line_num} is not valid CSV: {error}") from error


def _json_rows(filename: str, text: str) -> Iterator[Mapping[str, Any]]:
    lines = (line for line in text.split("\n") if line.strip())
    for number, line in enumerate(lines, start=1):
        try:
            value: object = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{filename}: row {number} is not valid JSON: {error}") from error
        if not isinstance(value, dict):
            raise ValueError(f"{filename}: row {number} is not a JSON object")  # noqa: TRY004 - a value in the file
        yield cast("dict[str, Any]", value)
