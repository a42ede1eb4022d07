"""Checks the contents of a model's folder before transformers reads it.

A folder often comes from someone else. Its settings can name pickled weights, files outside the folder, and code or kernels to fetch
from a model hub. This module defines what the engine accepts. It does not import torch, so that the check precedes all slow imports.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, cast

import safetensors

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"

_LARGEST_SETTINGS = 64 * 1024 * 1024  # bytes; the index of a model with 10**12 weights takes a third of that
_SETTINGS = ("config.json", "generation_config.json", "tokenizer_config.json")
_READ = frozenset({".jinja", ".json", ".model", ".safetensors", ".txt"})  # files that transformers reads, by suffix
_TEMPLATES = "additional_chat_templates"  # a subfolder of the model's folder
_LONGEST_NAME = 100  # characters of a name in a message

_ATTENTIONS = ("eager", "sdpa")
_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "attn_implementation": _ATTENTIONS,
    "attn_implementation_internal": _ATTENTIONS,
    "experts_implementation": ("batched_mm", "eager", "grouped_mm"),
    "experts_implementation_internal": ("batched_mm", "eager", "grouped_mm"),
    "quant_method": ("awq", "bitsandbytes", "compressed-tensors", "gptq"),
}
"""Settings that may only have these values: for others, transformers fetches code from a model hub."""
_REFUSED = frozenset(
    {
        "compile_config",
        "configuration_files",
        "custom_generate",
        "custom_pipelines",
        "distributed_config",
        "fast_tokenizer_files",
        "fusion_config",
        "gguf_file",
        "kernel_config",
        "transformers_weights",
        "trust_remote_code",
        "use_kernels",
        "use_pretrained_backbone",
    }
)
"""Settings that name code, kernels, or other files to read weights and settings from. Leading underscores are ignored."""
_TOKENIZER = re.compile(
    r"\w*Tokenizer(Fast)?|TokenizersBackend|PythonBackend|SentencePieceBackend|MistralCommonBackend"
)


class ModelFolderError(ValueError):
    """A folder that the engine does not load. The message is one line that says why."""


def stay_offline() -> None:
    """Keep this process from contacting a model hub. Call it before importing transformers, which reads these settings once."""
    os.environ.update({"HF_HUB_OFFLINE": "1", "USE_HUB_KERNELS": "0"})


def check_folder(folder: Path) -> None:
    """Refuse a folder that does not contain a model, or whose settings refer to anything outside it. Does not read weights.

    Links may point anywhere inside the folder, and from a snapshot in a model hub's cache to the blobs of that cache, but nowhere else.

    Raises:
        ModelFolderError: the folder is refused. The message says what was found, and where.
    """
    if not _settings(folder, _SETTINGS[0]).get("model_type"):
        raise ModelFolderError(f"{folder} is not a Hugging Face model (no config.json with a model_type)")
    if (folder / "adapter_config.json").exists():
        raise ModelFolderError(
            f"{folder} holds an adapter (adapter_config.json): merge it into the model, or take its files out"
        )
    for name in _SETTINGS:
        _check_settings(folder, name)
    for path in (*folder.iterdir(), *(folder / _TEMPLATES).glob("*.jinja")):
        if path.suffix in _READ and not _stays_inside(folder, path):
            raise ModelFolderError(f"{folder}: {path.relative_to(folder)} is a link to a file outside the folder")
    weight_files(folder)


def weight_files(folder: Path) -> list[Path]:
    """The files with a folder's weights: a single file, or the files that its index names.

    Raises:
        ModelFolderError: there are no such files, or the index names something other than safetensors files in the folder.
    """
    if any(folder.glob("shard-*-model-*-of-*.safetensors")):
        raise ModelFolderError(
            f"{folder} holds a distributed checkpoint (shard-*.safetensors): save the model in one piece"
        )
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if not (folder / INDEX).is_file():
        found = any(folder.glob("*.safetensors"))
        missing = f"neither {WEIGHTS} nor {INDEX}" if found else "no *.safetensors weights"
        raise ModelFolderError(f"{folder} has {missing} (pickled ones are never loaded)")
    weights = _settings(folder, INDEX).get("weight_map")
    if not isinstance(weights, dict) or not weights:
        raise ModelFolderError(f"{folder}: {INDEX} has no weight_map that lists the files")
    distinct = {repr(name): name for name in cast("dict[str, object]", weights).values()}
    return [_listed(folder, name) for name in distinct.values()]


def check_weights(folder: Path) -> None:
    """Refuse a folder with a weights file whose content is not safetensors, whatever its name.

    Raises:
        ModelFolderError: the folder has such a file. The message names it.
    """
    for path in weight_files(folder):
        try:
            with safetensors.safe_open(path, framework="np"):
                pass
        except (OSError, safetensors.SafetensorError) as error:
            raise ModelFolderError(f"{folder}: {path.name} is not a safetensors file: {error}") from error


def _listed(folder: Path, name: object) -> Path:
    """The file that an index names."""
    shown = repr(name)[:_LONGEST_NAME]
    if not isinstance(name, str) or not name.endswith(".safetensors") or not name.isprintable():
        raise ModelFolderError(f"{folder}: {INDEX} names {shown}, which is not a *.safetensors file")
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or Path(name).is_absolute():
        raise ModelFolderError(f"{folder}: {INDEX} names {shown}, which is not in the folder")
    path = folder / name
    try:
        if not path.is_file():
            raise ModelFolderError(f"{folder}: {INDEX} names {shown}, which is missing")
        if not _stays_inside(folder, path):
            raise ModelFolderError(f"{folder}: {INDEX} names {shown}, which is a link to a file outside the folder")
    except OSError as error:
        raise ModelFolderError(
            f"{folder}: {INDEX} names {shown}, which cannot be read ({error.strerror or error})"
        ) from error
    return path


def _stays_inside(folder: Path, path: Path) -> bool:
    """Whether a file is inside the folder after links are resolved.

    In a model hub's cache, the files of `snapshots/REVISION` are links to `blobs`, two folders up.
    """
    root = folder.resolve()
    roots = [root, root.parent.parent / "blobs"] if root.parent.name == "snapshots" else [root]
    try:
        target = path.resolve()
    except (OSError, RuntimeError):  # a link to itself
        return False
    return any(target.is_relative_to(allowed) for allowed in roots)


def _settings(folder: Path, name: str) -> dict[str, Any]:
    """The contents of a settings file; empty if the file does not exist."""
    path = folder / name
    try:
        if not path.exists():
            return {}
        if path.stat().st_size > _LARGEST_SETTINGS:
            raise ModelFolderError(f"{folder}: {name} has more than {_LARGEST_SETTINGS} bytes")
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, ModelFolderError):
            raise
        raise ModelFolderError(f"{folder}: {name} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ModelFolderError(f"{folder}: {name} is not a JSON object")
    return cast("dict[str, Any]", found)


def _check_settings(folder: Path, name: str) -> None:
    for key, value in _entries(_settings(folder, name)):
        plain = key.lstrip("_")
        if plain in _ALLOWED:
            found = next((text for text in _texts(value) if text not in _ALLOWED[plain]), None)
            if found is not None:
                known = ", ".join(_ALLOWED[plain][:-1])
                raise ModelFolderError(
                    f"{folder}: {name} sets {key} to {found!r:.{_LONGEST_NAME}}; "
                    f"this engine serves {known} and {_ALLOWED[plain][-1]} only, and fetches no code for others"
                )
        elif plain in _REFUSED and value:
            raise ModelFolderError(
                f"{folder}: {name} sets {key}, which would have code or other files loaded: take it out of the file"
            )
        elif plain == "tokenizer_class" and not (value is None or _is_tokenizer(value)):
            raise ModelFolderError(
                f"{folder}: {name} sets {key} to {value!r:.{_LONGEST_NAME}}, which is not a tokenizer"
            )


def _entries(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every key of the settings with its value, including nested keys."""
    pending: list[Any] = [settings]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield from cast("dict[str, Any]", item).items()
            pending.extend(cast("dict[str, Any]", item).values())
        elif isinstance(item, list):
            pending.extend(cast("list[Any]", item))


def _texts(value: object) -> Iterator[object]:
    """The values of a setting: one value, or one for each part of the model."""
    values = cast("dict[str, object]", value).values() if isinstance(value, dict) else (value,)
    yield from (item for item in values if item is not None)


def _is_tokenizer(value: object) -> bool:
    return isinstance(value, str) and _TOKENIZER.fullmatch(value) is not None
