"""Loads modules in a way that no fork copies the lock of a running import.

A fork copies the locks of modules that another thread is importing, but it does not copy that thread. So a child that imports one of them
waits forever, and no timeout ends that wait. Therefore, what a call needs is loaded when a client is made. What takes too long for that is
loaded in the block below, and a fork waits for the end of that block.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TypeVar

T = TypeVar("T")

for _name in (
    "concurrent.futures.thread",  # for asyncio. It registers functions to run at a fork, and must do so before one begins
    "encodings.idna",  # for every host that is looked up
):
    import_module(_name)

_PACKAGE = __name__.partition(".")[0]
_NEEDED = (
    f"{__package__}.transport.httpx_backend.sockets",  # httpcore
    "certifi",  # which httpx imports for each TLS context
)
"""What httpx and this package would import inside a call."""
PATIENCE = 10.0
"""The longest wait of a fork, in seconds. Loading takes about one, and a fork must not hang if this wait is part of a deadlock."""


class _Late(threading.local):
    """Whether this thread, which forks, has acquired the lock."""

    has_lock = False


_lock = threading.RLock()
_late = _Late()


@contextmanager
def loading() -> Generator[None]:
    """Import modules in this block; a fork in another thread waits for its end."""
    with _lock:
        yield


def load(resources: Iterable[str]) -> None:
    """Load what any call needs, and build the validators of every reply, so that a call imports nothing and takes no lock of pydantic's.

    What asyncio needs is loaded with the first request instead, inside `loading`, because it takes as long as everything here.
    """
    with loading():
        for name in (*resources, *_NEEDED):
            import_module(name)
        from ..wire._base import Reply  # noqa: PLC0415 - the import of the package does not load pydantic

        for kind in _below(Reply):
            if not kind.__pydantic_complete__ and kind.__module__.startswith(f"{_PACKAGE}."):
                kind.model_rebuild()


def _below(kind: type[T]) -> Iterator[type[T]]:
    for below in kind.__subclasses__():
        yield below
        yield from _below(below)


def _before_fork() -> None:
    _late.has_lock = _lock.acquire(timeout=PATIENCE)


def _after_fork() -> None:
    if _late.has_lock:
        _lock.release()


def _in_child() -> None:
    global _lock  # noqa: PLW0603 - a thread that does not exist in the child holds it
    if _late.has_lock:
        _lock.release()
    else:
        _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
