"""The standard streams, where the shell has closed one (`>&-`) or what is behind one takes no more."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


def fill() -> None:
    """Let a stream that is closed be an empty one: what is read is nothing, what is written is lost.

    Otherwise it is None, and the next file or connection that is opened gets its number.
    """
    for name, mode in _MODES.items():
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - it stays open


def settle() -> None:
    """Drop what could not be written: the interpreter would try again at its end, and complain a second time."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
