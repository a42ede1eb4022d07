"""Warn whoever called the client, however deep below the call the reason was found."""

from __future__ import annotations

import sys
import warnings

_PACKAGE = __name__.partition(".")[0]


def warn(message: str) -> None:
    """Warn as if the line that called this package had: filters go by it, and it is what the user can change."""
    # From Python 3.12 on, warnings.warn has skip_file_prefixes for this.
    level, frame = 1, sys._getframe()  # noqa: SLF001 - as warnings itself does
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)
