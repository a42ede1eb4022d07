"""Suggests the closest known name for a misspelt one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message that names the closest known name; empty if none is close."""
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def unexpected(name: str, known: Iterable[str]) -> TypeError:
    """Return the error for an unknown keyword argument, in Python's words, with the closest known name."""
    return TypeError(f"unexpected keyword argument {name!r}{did_you_mean(name, known)}")
