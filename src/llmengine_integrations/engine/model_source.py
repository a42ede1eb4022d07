"""Where a model comes from: the source in `--model NAME=SOURCE` and in `EmbeddedEngine(models={name: source})`.

Each kind of source is a class with its own `kind`, with `check`, and with what the engine needs to load it. To add one, add the class to
`ModelSource` and let `parse_source` recognise it; the type checker then shows where only folders are expected. Sources are passed to the
engine's process as JSON.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict
from typing_extensions import override

_SERVER = re.compile(r"https?://", re.IGNORECASE)
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)  # at least two letters: C: is a drive
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*(@[\w./-]+)?(:[^:]+)?", re.ASCII)
_CREDENTIALS = re.compile(r"(?<=://)[^/?#]*@")


class ModelSourceError(ValueError):
    """The source cannot be served. One line that says why, and what to do."""


class HuggingFaceFolder(BaseModel):
    """A folder with a causal language model, in the format of Hugging Face's libraries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["hugging_face_folder"] = "hugging_face_folder"
    path: Path
    """An absolute path."""

    @override
    def __str__(self) -> str:
        return str(self.path)

    def check(self) -> None:
        """Refuse a folder without safetensors weights, or whose settings refer to files outside it. Loads nothing heavy.

        Raises:
            ModelSourceError: says what is missing, or what the folder must not contain.
        """
        if not _is_folder(self.path):
            raise ModelSourceError(f"{self.path} is not a folder")
        from .runtime.torch_runtime.loading.model_folder import (  # noqa: PLC0415 - the extra may not be installed
            ModelFolderError,
            check_folder,
        )

        try:
            check_folder(self.path)
        except ModelFolderError as error:
            raise ModelSourceError(str(error)) from error


ModelSource = HuggingFaceFolder
"""What can be served. With a second kind, this becomes a union that `kind` discriminates."""


def parse_source(given: object) -> ModelSource:
    """Read a source: a path object, or a path as a string that may begin with `~`.

    Raises:
        ModelSourceError: it is not a path, or looks like a kind of source that cannot be served.
    """
    if isinstance(given, HuggingFaceFolder):
        return given
    if not isinstance(given, str | os.PathLike):
        raise ModelSourceError(f"{given!r} is not the path of a folder")
    text = str(os.fspath(cast("str | os.PathLike[str]", given)))
    if not text or "\0" in text:
        raise ModelSourceError(f"{text!r} is not the path of a folder")
    path = os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111 - pathlib raises for an unknown user
    if not _is_folder(path) and (kind := _other_kind(text, path)):
        shown = _CREDENTIALS.sub("", text)
        raise ModelSourceError(f"{shown} looks like {kind}. Only Hugging Face folders are served so far: give a folder")
    return HuggingFaceFolder(path=Path(path))


def _is_folder(path: str | Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - pathlib raises for a long name


def _other_kind(text: str, path: str) -> str | None:
    """Return what a text looks like if it is not the path of an existing folder; None if only the folder is missing."""
    if _SERVER.match(text):
        return "the URL of a server"
    if _URL.match(text):
        return "a URL"
    if os.path.isfile(path):  # noqa: PTH113 - pathlib raises for a long name
        return "a GGUF file" if text.lower().endswith(".gguf") else "a file"
    if _HUB_ID.fullmatch(text) and ("@" in text or ":" in text or not text.lower().endswith(".gguf")):
        return "a model id of the Hugging Face hub, and no such folder is here"
    return "a GGUF file" if text.lower().endswith(".gguf") else None
