"""What a disk without room says."""

from __future__ import annotations

import errno

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_full(error: BaseException) -> bool:
    """Whether it says that the disk, or one's share of it, is full."""
    return isinstance(error, OSError) and error.errno in _FULL
