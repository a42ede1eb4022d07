"""Standard streams that the shell has closed (`>&-`), or that can no longer be written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


def replace_closed() -> None:
    """Replace each closed stream with the null device.

    Otherwise the stream is None, and the next file or connection that is opened gets its file descriptor.
    """
    for name, mode in _MODES.items():
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - stays open


def discard_unwritable() -> None:
    """Discard output that cannot be written. Otherwise the interpreter would try again when it exits, and report a second error."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
