"""How much of the machine's memory the container leaves to this process, according to the limits of its Linux control groups (cgroups)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


class _Names(NamedTuple):
    """The names of a group's files in one version of cgroups."""

    limit: str
    usage: str
    cache: str
    """The row of `memory.stat` with the cached bytes that the system reclaims before it enforces a limit."""


_V1 = _Names("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_V2 = _Names("memory.max", "memory.current", "inactive_file")


def memory_left(groups: Path = _GROUPS, own: Path = _OWN_GROUPS) -> int | None:
    """Bytes until the tightest limit of this process's groups is reached; None if there are no limits.

    Args:
        groups: the folder where the system lists all groups.
        own: the file that names the groups of this process.
    """
    found = [left for folder, names in _folders(groups, own) if (left := _left(folder, names)) is not None]
    return min(found, default=None)


def _folders(groups: Path, own: Path) -> Iterator[tuple[Path, _Names]]:
    """The process's group and all its parents. In a container, the path may be the host's, and then only the root is visible."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, _, group = line.partition(":")
        controllers, colon, path = group.partition(":")
        if not colon or (controllers and "memory" not in controllers.split(",")):
            continue
        root, names = (groups / "memory", _V1) if controllers else (groups, _V2)
        place = root / path.lstrip("/")
        while place.is_relative_to(root):
            yield place, names
            place = place.parent


def _left(folder: Path, names: _Names) -> int | None:
    limit, usage = _number(folder / names.limit), _number(folder / names.usage)
    if limit is None or usage is None:
        return None
    return max(0, limit - usage + _cached(folder, names.cache))


def _cached(folder: Path, name: str) -> int:
    try:
        rows = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return int(rows.get(name, 0))
    except (OSError, ValueError):
        return 0


def _number(path: Path) -> int | None:
    """The number in a file; None if the file does not exist or contains "max"."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
