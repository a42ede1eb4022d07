"""How the engine's processes end: with the process that started them, and without tearing torch down."""

from __future__ import annotations

import os
import select
import sys
from typing import NoReturn


def exit_now(status: int = 0) -> NoReturn:
    """End the process at once, after flushing its output.

    Python would take seconds to tear torch down on a busy machine, and would wait for, or crash with, a generation thread that is
    still loading, which cannot be interrupted.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def wait_for_parent(parent: int) -> None:
    """Wait until the parent process closes this one's standard input, or ends.

    Args:
        parent: its process id. A process that the parent forked may hold the other end of the input open, so the parent is watched too.
    """
    while os.name != "posix" or os.getppid() == parent:
        readable = os.name != "posix" or bool(select.select([0], [], [], 1.0)[0])
        if readable and not os.read(0, 1024):
            return
