"""How the engine's processes end: together with the process that started them, and without waiting for torch's cleanup."""

from __future__ import annotations

import os
import select
import sys
from typing import NoReturn


def exit_now(status: int = 0) -> NoReturn:
    """End the process at once, after flushing its output.

    On a busy machine, Python would take seconds to clean up torch. A generation thread that is still loading cannot be interrupted; Python
    would wait for it, or crash with it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def wait_for_parent(parent: int) -> None:
    """Wait until the parent process closes this one's standard input, or ends.

    Args:
        parent: its process id. The parent is watched too, because a process that it forked may hold the other end of the input open.
    """
    while os.name != "posix" or os.getppid() == parent:
        readable = os.name != "posix" or bool(select.select([0], [], [], 1.0)[0])
        if readable and not os.read(0, 1024):
            return
