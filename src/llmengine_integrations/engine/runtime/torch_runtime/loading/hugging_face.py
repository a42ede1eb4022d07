"""Loads models and tokenizers from folders with transformers, in the same way for serving and for fine-tuning.

Everything is read from the local disk, and weights only from safetensors. Code that a folder contains or names is never run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import transformers

from ....config import read_model_settings
from .model_folder import ModelFolderError, check_folder, check_weights

_transformers = cast("Any", transformers)

_LISTED = 3  # maximum number of names in a message


def load_settings(folder: Path) -> Any:
    """The settings of a folder's language model, with transformers' defaults for missing values in `config.json`.

    Raises:
        ModelFolderError: the engine does not load this folder.
    """
    check_folder(folder)
    _check_code(folder)
    return _transformers.AutoConfig.from_pretrained(**_local(folder)).get_text_config()


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a model's folder.

    Raises:
        ModelFolderError: the engine does not load this folder.
    """
    check_folder(folder)
    _check_code(folder)
    return _transformers.AutoTokenizer.from_pretrained(**_local(folder))


def load_causal_lm(folder: Path, dtype: Any) -> Any:
    """The language model of a folder, on the CPU.

    Args:
        folder: the folder.
        dtype: the number type to compute with; `auto` for the folder's own.

    Raises:
        ModelFolderError: the engine does not load this folder, or weights are missing.
    """
    check_folder(folder)
    check_weights(folder)
    _check_code(folder)
    model, found = _transformers.AutoModelForCausalLM.from_pretrained(
        **_local(folder), dtype=dtype, use_safetensors=True, output_loading_info=True
    )
    missing: list[str] = sorted(found["missing_keys"])
    if missing:  # transformers would initialize them randomly
        listed = ", ".join(missing[:_LISTED]) + ", ..." * (len(missing) > _LISTED)
        raise ModelFolderError(f"{folder} lacks weights that its model needs: {listed}")
    return model


def _local(folder: Path) -> dict[str, Any]:
    return {"pretrained_model_name_or_path": str(folder), "local_files_only": True, "trust_remote_code": False}


def _check_code(folder: Path) -> None:
    """Refuse a folder whose model or tokenizer needs code that is not part of transformers."""
    settings = read_model_settings(folder)
    kind = settings.get("model_type")
    if kind not in _transformers.CONFIG_MAPPING:
        raise ModelFolderError(
            f"{folder} is a model of the type {kind!r:.100}, which the installed transformers does not have; "
            "code that a folder brings is never run"
        )
    for name in (
        settings.get("tokenizer_class"),
        read_model_settings(folder, "tokenizer_config.json").get("tokenizer_class"),
    ):
        found = getattr(_transformers, name, None) if name else None
        if found is not None and not issubclass(found, _transformers.PreTrainedTokenizerBase):
            raise ModelFolderError(f"{folder} names {name} as its tokenizer class, which is not a tokenizer")
