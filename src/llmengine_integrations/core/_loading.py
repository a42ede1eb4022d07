"""Modules that are loaded late, and what a fork must know about them.

A fork copies the locks of modules that another thread is just importing, but not that thread: a child that imports one of them waits for
ever, and no timeout ends that wait. So what a call needs is loaded when a client is made; what costs too much for that is loaded in the
block below, for whose end a fork waits.
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
    "concurrent.futures.thread",  # for asyncio. It registers what it does at a fork, and must have done so before one begins
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
"""Seconds that a fork waits at most: loading takes about one, and a fork must not hang where this wait is part of a deadlock."""


class _Late(threading.local):
    """Whether this thread, which forks, has got the lock."""

    has_lock = False


_lock = threading.RLock()
_late = _Late()


@contextmanager
def loading() -> Generator[None]:
    """Import modules in this block; a fork in another thread waits for its end."""
    with _lock:
        yield


def load(resources: Iterable[str]) -> None:
    """Load what any call needs, and build the validators of every reply: then a call imports nothing, and takes no lock of pydantic's.

    asyncio's part comes with the first request instead, inside `loading`: it costs as much as all this.
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
    global _lock  # noqa: PLW0603 - a thread that the child does not have holds it
    if _late.has_lock:
        _lock.release()
    else:
        _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
