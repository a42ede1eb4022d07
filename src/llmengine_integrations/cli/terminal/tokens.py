"""Printing tokens, shaded by their probability."""

from __future__ import annotations

import json
import math
import sys

import click

from .output import colours_wanted, print_text, visible

_SHADES = ((0.9, 120), (0.6, 192), (0.3, 229), (0.1, 216), (0.0, 210))
"""The lowest probability of each shade, and its number in the 256-colour palette."""
_INK = 16


class TokenPrinter:
    """Prints tokens: shaded on a colour terminal, otherwise one per line with its log-probability and probability."""

    def __init__(self) -> None:
        self._shaded = sys.stdout.isatty() and colours_wanted()

    def token(self, text: str, log_prob: float) -> None:
        """Print one token."""
        probability = math.exp(min(log_prob, 0.0))
        if self._shaded:
            click.echo(shaded(text, probability), nl=False)
        else:
            click.echo(f"{log_prob:.4f}\t{probability:.1%}\t{json.dumps(text, ensure_ascii=False)}")

    def end(self) -> None:
        """End the line, and print the legend of the shades."""
        if self._shaded:
            marks = (shaded(f" {least:.0%} ", least) for least, _ in _SHADES)
            click.echo(f"\n\nLowest probability of each shade: {' '.join(marks)}")


def shaded(text: str, probability: float) -> str:
    """Shade text by a probability. Line breaks are not shaded, because the background would fill the line."""
    shade = next(colour for least, colour in _SHADES if probability >= least or not least)
    return "\n".join(click.style(part, fg=_INK, bg=shade) if part else "" for part in visible(text).split("\n"))


class TextPrinter:
    """Prints text as it arrives, and a line break at the end if there is none."""

    def __init__(self) -> None:
        self._last = "\n"

    def text(self, text: str) -> None:
        """Print a piece."""
        if text:
            self._last = text[-1]  # before writing, because Ctrl-C may interrupt it
            print_text(text)

    def end(self) -> None:
        """End the line."""
        if self._last != "\n":
            click.echo()
