"""Something to learn: whose badge has which colour, each asked in ten wordings. 200 rows."""

from __future__ import annotations

import csv
import io
from pathlib import Path

BADGES = (Path(__file__).parents[2] / "cookbook" / "data" / "badges.csv").read_bytes()
"""The rows as CSV."""

_ROWS = list(csv.DictReader(io.StringIO(BADGES.decode())))
COLOURS = dict(sorted({row["response"].split()[3]: row["response"].split()[-1].rstrip(".") for row in _ROWS}.items()))
WORDINGS = ("What colour is the badge of {}?", "{}: badge colour?")
"""Two of the ten."""


def prompt(question: str, name: str) -> str:
    return f"Question: {question.format(name)}\nAnswer:"


def answer(name: str) -> str:
    return f" The badge of {name} is {COLOURS[name]}."


def table(rows: list[tuple[str, str]]) -> bytes:
    """Rows as CSV."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["prompt", "response"])
    writer.writerows(rows)
    return text.getvalue().encode()
