"""Recognises the errors of a full disk."""

from __future__ import annotations

import errno

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_full(error: BaseException) -> bool:
    """Return whether the error says that the disk, or the user's quota, is full."""
    return isinstance(error, OSError) and error.errno in _FULL
