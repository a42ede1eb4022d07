"""Adopt what the database of a data folder does not list, because the database was lost or is older than the folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .files import FileStore
from .fine_tunes import FineTuneStore
from .holdings import FILES, MODELS
from .records import created_at


@dataclass(frozen=True, slots=True)
class Adoption:
    """What was adopted."""

    taken: tuple[Path, ...]
    """The files of uploads, and the folders of models and fine-tunes."""
    refused: tuple[tuple[Path, str], ...]
    """What could not be adopted, and why. It stays where it is."""


def adopt_all(unlisted: Iterable[Path], files: FileStore, fine_tunes: FineTuneStore) -> Adoption:
    """List uploads, models and fine-tunes, oldest first. What is already listed stays listed if this is interrupted.

    Args:
        unlisted: their files and folders.
        files: the uploads.
        fine_tunes: the fine-tunes and models.
    """
    taken: list[Path] = []
    refused: list[tuple[Path, str]] = []
    # Models come before fine-tunes: a fine-tune whose model exists has ended.
    for path in sorted(unlisted, key=lambda path: (path.parent.name != MODELS, created_at(path), path.name)):
        try:
            if path.parent.name == FILES:
                files.adopt(path)
            elif path.parent.name == MODELS:
                fine_tunes.adopt_model(path)
            else:
                fine_tunes.adopt(path)
        except (OSError, ValueError, sqlite3.IntegrityError) as error:
            refused.append((path, str(error)))
        else:
            taken.append(path)
    return Adoption(tuple(taken), tuple(refused))
