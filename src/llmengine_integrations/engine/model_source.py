"""Where a model comes from: what is given for `--model NAME=SOURCE` and in `EmbeddedEngine(models={name: source})`.

A kind of source is a class with a `kind` of its own, `check`, and what the engine needs to load it. It is added to `ModelSource`, and
`parse_source` recognises it; the type checker then shows where only folders are expected. Sources travel to the engine's process as JSON.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict
from typing_extensions import override

_SERVER = re.compile(r"https?://", re.IGNORECASE)
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)  # two letters at least: C: is a drive
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*(@[\w./-]+)?(:[^:]+)?", re.ASCII)
_CREDENTIALS = re.compile(r"(?<=://)[^/?#]*@")


class ModelSourceError(ValueError):
    """Nothing that can be served; one line that says why, and what to do."""


class HuggingFaceFolder(BaseModel):
    """A folder with a causal language model, as Hugging Face's libraries save it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["hugging_face_folder"] = "hugging_face_folder"
    path: Path
    """Absolute."""

    @override
    def __str__(self) -> str:
        return str(self.path)

    def check(self) -> None:
        """Refuse a folder without safetensors weights, or whose settings lead out of it. Loads nothing heavy.

        Raises:
            ModelSourceError: says what is missing, or what the folder must not have.
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
"""What can be served. With a second kind: a union that `kind` tells apart."""


def parse_source(given: object) -> ModelSource:
    """Read a source: a path, as a text that may begin with `~`, or as a path object.

    Raises:
        ModelSourceError: it is not a path, or looks like a source of a kind that cannot be served.
    """
    if isinstance(given, HuggingFaceFolder):
        return given
    if not isinstance(given, str | os.PathLike):
        raise ModelSourceError(f"{given!r} is not the path of a folder")
    text = str(os.fspath(cast("str | os.PathLike[str]", given)))
    if not text or "\0" in text:
        raise ModelSourceError(f"{text!r} is not the path of a folder")
    path = os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111 - pathlib's raises for an unknown user
    if not _is_folder(path) and (kind := _other_kind(text, path)):
        shown = _CREDENTIALS.sub("", text)
        raise ModelSourceError(f"{shown} looks like {kind}. Only Hugging Face folders are served so far: give a folder")
    return HuggingFaceFolder(path=Path(path))


def _is_folder(path: str | Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - pathlib's raises for a long name


def _other_kind(text: str, path: str) -> str | None:
    """What a text looks like that is not the path of an existing folder; None if only the folder is missing."""
    if _SERVER.match(text):
        return "the URL of a server"
    if _URL.match(text):
        return "a URL"
    if os.path.isfile(path):  # noqa: PTH113 - as above
        return "a GGUF file" if text.lower().endswith(".gguf") else "a file"
    if _HUB_ID.fullmatch(text) and ("@" in text or ":" in text or not text.lower().endswith(".gguf")):
        return "a model id of the Hugging Face hub, and no such folder is here"
    return "a GGUF file" if text.lower().endswith(".gguf") else None
