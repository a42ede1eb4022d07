"""A lock for threads that does not stay locked in a forked child."""

from __future__ import annotations

import os
import threading
from weakref import WeakSet


class ThreadLock:
    """A lock for `with` blocks, safe to hold while another thread forks.

    A fork copies a `threading.Lock` that another thread holds, but it does not copy that thread. So a child that needs the lock would wait
    forever. This lock is free in the child, unless the thread that forked holds it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None
        _LOCKS.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()
        self._owner = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        self._owner = None
        self._lock.release()

    def renew(self) -> None:
        """Free the lock in a forked child if it was held by a thread that the child does not have."""
        if self._owner != threading.get_ident():
            self._lock, self._owner = threading.Lock(), None


_LOCKS: WeakSet[ThreadLock] = WeakSet()


def _renew_all() -> None:
    for lock in list(_LOCKS):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
