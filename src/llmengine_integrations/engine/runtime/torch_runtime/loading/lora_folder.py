"""Reads an adapter folder from peft or this engine's fine-tuning: `adapter_config.json` and `adapter_model.safetensors`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import safetensors
import safetensors.torch
from torch import Tensor, nn

from .lora import Adapter, AdapterError, LowRank

_torch = cast("Any", safetensors.torch)

_SETTINGS = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"
_NAME = re.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")
# Options that make an adapter more than a low-rank product on an unchanged layer, or that change the base model itself.
_MORE_THAN_LORA = (
    "use_dora",
    "use_qalora",
    "use_bdlora",
    "lora_bias",
    "alora_invocation_tokens",
    "layer_replication",
    "target_parameters",
    "trainable_token_indices",
    "arrow_config",
    "velora_config",
    "monteclora_config",
    "kasa_config",
)
_HARMLESS_STARTS = (True, False, None, "gaussian", "eva", "orthogonal")


def read_adapter(folder: Path, model: nn.Module) -> Adapter:
    """Read a LoRA adapter onto the device, and into the number type, of each layer that it changes.

    Raises:
        AdapterError: the folder is not an adapter, is for another model, or needs more than low-rank products on linear layers. The
            message is one line.
    """
    settings = _settings(folder)
    pairs: dict[str, dict[str, Tensor]] = {}
    for key, tensor in _weights(folder).items():
        found = _NAME.fullmatch(key)
        if found is None:
            raise AdapterError(f"{folder} holds {key}, and only LoRA on linear layers can be served")
        pairs.setdefault(found[1], {})[found[2]] = tensor
    return Adapter({name: _low_rank(folder, name, pair, settings, model) for name, pair in pairs.items()})


def layer_of(key: str) -> str | None:
    """The layer that an adapter's weight belongs to; None if it is not a LoRA weight of a layer."""
    found = _NAME.fullmatch(key)
    return None if found is None else found[1]


def linear_weight(layer: nn.Module) -> Tensor | None:
    """The weights of a layer, outputs x inputs; None if it is not a linear layer."""
    if isinstance(layer, nn.Linear):
        return layer.weight
    if type(layer).__name__ == "Conv1D":  # GPT-2's linear layers
        return cast("Tensor", layer.weight).T
    return None


def _settings(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / _SETTINGS).read_bytes())
    except (OSError, ValueError) as error:
        raise AdapterError(f"{folder} holds no {_SETTINGS} that can be read") from error
    if not isinstance(found, dict):
        raise AdapterError(f"{folder}: {_SETTINGS} is not a JSON object")
    settings = cast("dict[str, Any]", found)
    kind = settings.get("peft_type")
    if kind != "LORA":
        raise AdapterError(f"{folder} is an adapter of the type {kind}, and only LORA can be served")
    unusual = [option for option in _MORE_THAN_LORA if settings.get(option)]
    if settings.get("init_lora_weights") not in _HARMLESS_STARTS:
        unusual.append("init_lora_weights")
    if unusual:
        raise AdapterError(f"{folder} is made with {', '.join(unusual)}, and only plain LoRA can be served")
    return settings


def _weights(folder: Path) -> dict[str, Tensor]:
    try:
        weights: dict[str, Tensor] = _torch.load_file(folder / _WEIGHTS)
    except (OSError, safetensors.SafetensorError) as error:
        raise AdapterError(f"{folder} holds no {_WEIGHTS} that can be read") from error
    if not weights:
        raise AdapterError(f"{folder}: {_WEIGHTS} is empty")
    if not all(bool(tensor.isfinite().all()) for tensor in weights.values()):
        raise AdapterError(f"{folder} holds weights that are not finite")
    return weights


def _low_rank(
    folder: Path, name: str, pair: Mapping[str, Tensor], settings: Mapping[str, Any], model: nn.Module
) -> LowRank:
    if len(pair) != len("AB"):
        raise AdapterError(f"{folder} holds half of the layer {name}")
    weight = _weight(folder, name, model)
    down, up = pair["A"], pair["B"]
    shape, rank = (up.shape[0], down.shape[-1]), down.shape[0]
    if down.ndim != 2 or up.ndim != 2 or up.shape[1] != rank or shape != tuple(weight.shape):  # noqa: PLR2004 - matrices
        raise AdapterError(f"{folder} is for another model: its layer {name} does not have this model's size")
    return LowRank(down.to(weight), up.to(weight), _scaling(name, rank, settings))


def _weight(folder: Path, name: str, model: nn.Module) -> Tensor:
    """The weights of a layer, outputs x inputs."""
    try:
        layer = model.get_submodule(name)
    except AttributeError as error:
        raise AdapterError(f"{folder} is for another model: this one has no layer {name}") from error
    weight = linear_weight(layer)
    if weight is None:
        raise AdapterError(f"{folder} changes {name}, which is not a linear layer")
    return weight


def _scaling(name: str, rank: int, settings: Mapping[str, Any]) -> float:
    """The factor of the product. As in peft, a pattern matches the end of a layer's name, and the first match counts."""
    patterns: dict[str, float] = settings.get("alpha_pattern") or {}
    fitting = [alpha for end, alpha in patterns.items() if re.match(rf"(.*\.)?({end})$", name)]
    alpha = fitting[0] if fitting else float(settings.get("lora_alpha", 8))
    return alpha / (math.sqrt(rank) if settings.get("use_rslora") else rank)
