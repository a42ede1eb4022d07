"""What the engine's own folders contain, judged by names alone, and how a message lists it."""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

_log = logging.getLogger(__name__)

FILES, MODELS, FINE_TUNES = "files", "models", "fine-tunes"
_SHOWN = 8
_KINDS = {
    FILES: (re.compile(r"file-[0-9a-f]{24}"), "upload", "uploads"),
    MODELS: (re.compile(r"ft-[0-9a-f]{20}"), "fine-tuned model", "fine-tuned models"),
    FINE_TUNES: (re.compile(r"ft-[0-9a-f]{20}"), "unfinished fine-tune", "unfinished fine-tunes"),
}


def whole(path: Path) -> bool:
    """Return whether a path has the final name of an upload, a model or a fine-tune, which means that it is complete."""
    return _KINDS[path.parent.name][0].fullmatch(path.name) is not None


def holdings(folder: Path) -> list[Path]:
    """Return the uploads, models and fine-tunes in a data folder, whether its database lists them or not."""
    return [path for kind in _KINDS if (folder / kind).is_dir() for path in (folder / kind).iterdir() if whole(path)]


def counted(paths: Iterable[Path]) -> str:
    """Count them for a message: `2 uploads and 1 fine-tuned model`; empty if there are none."""
    kinds = [path.parent.name for path in paths]
    parts = [
        f"{number} {one if number == 1 else many}"
        for kind, (_, one, many) in _KINDS.items()
        if (number := kinds.count(kind))
    ]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def log_gone(paths: Sequence[Path]) -> None:
    """Warn that uploads or models, at least one, are not where the database says."""
    names = ", ".join(path.name for path in paths[:_SHOWN])
    _log.warning(
        "The database lists %s that the folder %s does not have. They are not served until they are there again: %s%s",
        *(counted(paths), paths[0].parent, names, ", ..." if len(paths) > _SHOWN else ""),
    )


def adopt_command(folder: Path) -> str:
    """Return the command that adopts what the database does not list."""
    return f"llmengine data adopt {shlex.quote(str(folder))}"
