"""A text plot of a fine-tune's losses: a line of Braille dots for training, marks for validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isfinite
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]

_BLANK = 0x2800
# https://www.unicode.org/charts/PDF/U2800.pdf: the bit of each dot, by column and row
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_MARK = "o"


def plot(training: Sequence[Point], validation: Sequence[Point], *, width: int = 60, height: int = 12) -> str:
    """Plot losses over epochs, `width` by `height` characters.

    Raises:
        ValueError: There is no loss to plot.
    """
    lines = [[point for point in points if all(map(isfinite, point))] for points in (training, validation)]
    everything = [point for points in lines for point in points]
    if not everything:
        raise ValueError("There is no loss to plot yet: the job has not reported any.")
    across, up = _range([epoch for epoch, _ in everything], 0.0), _range([loss for _, loss in everything], None)
    cells = _dots(_scaled(lines[0], across, up, width * 2, height * 4), width, height)
    for x, y in _scaled(lines[1], across, up, width, height):
        cells[y][x] = _MARK
    labels = {0: f"{up[1]:.4g}", height - 1: f"{up[0]:.4g}"}
    margin = max(map(len, labels.values()))
    rows = [f"{labels.get(number, ''):>{margin}} ┤{''.join(row).rstrip()}" for number, row in enumerate(cells)]
    ends = f"{across[0]:g}", f"{across[1]:g}"
    axis = f"{' ' * margin} └{'─' * width}"
    left = " " * (margin + 2)
    epochs = f"{left}{ends[0]}{'epoch':^{width - len(ends[0]) - len(ends[1])}}{ends[1]}"
    shown = [*(["⠒ training loss"] if lines[0] else []), *([f"{_MARK} validation loss"] if lines[1] else [])]
    apart = "   " if len("   ".join(shown)) <= width else f"\n{left}"
    return "\n".join([*rows, axis, epochs, f"{left}{apart.join(shown)}"])


def _range(values: Sequence[float], start: float | None) -> tuple[float, float]:
    least, most = min(values) if start is None else start, max(values)
    return (least, most) if most > least else (least - 0.5, least + 0.5)


def _scaled(
    points: Sequence[Point], across: tuple[float, float], up: tuple[float, float], width: int, height: int
) -> list[tuple[int, int]]:
    """Points as columns and rows of a grid; row 0 is at the top."""
    return [
        (
            round((x - across[0]) / (across[1] - across[0]) * (width - 1)),
            round((up[1] - y) / (up[1] - up[0]) * (height - 1)),
        )
        for x, y in points
    ]


def _dots(points: Sequence[tuple[int, int]], width: int, height: int) -> list[list[str]]:
    bits = [[0] * width for _ in range(height)]
    for x, y in _line(points):
        bits[y // 4][x // 2] |= _BITS[x % 2][y % 4]
    return [[chr(_BLANK + cell) if cell else " " for cell in row] for row in bits]


def _line(points: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the points, and the dots between each point and the next."""
    yield from points
    for (x1, y1), (x2, y2) in pairwise(points):
        steps = max(abs(x2 - x1), abs(y2 - y1), 1)
        yield from ((x1 + round((x2 - x1) * n / steps), y1 + round((y2 - y1) * n / steps)) for n in range(steps))
