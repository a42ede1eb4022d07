"""Checks, before training, that a fine-tuned adapter could be served, on the structure of the model that would serve it."""

from __future__ import annotations

import copy
import threading
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import regex
import torch
from torch import nn

from .lora import AdapterError
from .lora_folder import layer_of, linear_weight

if TYPE_CHECKING:
    from ...lora_options import LoraOptions
    from .loaded_model import CausalLM

_ALL = "all-linear"
_PATIENCE = 1.0  # seconds for matching a pattern of layers
_LISTED = 3  # maximum number of names in a message
_LONGEST_REASON = 200  # characters; peft's messages show whole modules
_PREFIX = "base_model.model."

_regex = cast("Any", regex)


class TuningCheck:
    """Determines which layers of a model a fine-tune would change, and whether adapters on them can be served.

    Args:
        causal_lm: the model. Only `try_layers` uses it, in the generation thread.
        model: the modules of the model, as they were loaded.
    """

    def __init__(self, causal_lm: CausalLM, model: nn.Module) -> None:
        self._causal_lm = causal_lm
        self._skeleton = _without_weights(model)
        self._known = cast("dict[str, nn.Module]", dict(cast("Any", self._skeleton).named_modules()))
        self._usable = {name for name, module in self._known.items() if linear_weight(module) is not None}
        self._quantized = getattr(model.config, "quantization_config", None) is not None
        self._lock = threading.Lock()

    def layers(self, options: LoraOptions) -> list[str]:
        """The layers that peft would train. Takes seconds the first time, because it imports peft.

        Raises:
            AdapterError: some layers could not be served, or a name matches no layer. The message is one line with the valid names.
        """
        if self._quantized:
            raise AdapterError("its weights are quantized, and adapters on those cannot be served")
        try:
            targets = _checked(options.target_modules, list(self._known))
            names = {layer_of(key) or key for key in self._trained(options, targets)}
            wrong = {name for name in names if name not in self._usable}
            if wrong:
                raise AdapterError(f"it would change {_shown(wrong)}, and adapters can be served on linear layers only")
        except AdapterError as error:
            usable = sorted({name.rpartition(".")[2] for name in self._usable})
            raise AdapterError(f"{error}. The names for peft_config.target_modules are {', '.join(usable)}.") from error
        return sorted(names)

    def try_layers(self, layers: Sequence[str]) -> None:
        """Run the model with an adapter on these layers. Call it in the generation thread.

        Raises:
            AdapterError: it does not run, or some layer does not read every token.
        """
        self._causal_lm.try_layers(layers)

    def _trained(self, options: LoraOptions, targets: list[str] | str) -> list[str]:
        """The names of the weights that peft would train and save."""
        import peft  # noqa: PLC0415 - a slow import that only fine-tunes need

        tuner = cast("Any", peft)
        with self._lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                config = tuner.LoraConfig(**options.model_dump() | {"target_modules": targets})
                tuned = tuner.get_peft_model(copy.deepcopy(self._skeleton), config, low_cpu_mem_usage=True)
                return list(tuner.get_peft_model_state_dict(tuned, save_embedding_layers=False))
            except Exception as error:
                reason = " ".join(str(error).split()).partition(" Currently, only")[0][:_LONGEST_REASON].rstrip(".")
                raise AdapterError(f"peft cannot train these target_modules: {reason}") from error


def _shown(names: Iterable[str]) -> str:
    """The names of some layers that adapter weights belong to, for a message."""
    layers = sorted({name.removeprefix(_PREFIX).split(".lora_")[0].removesuffix(".base_layer") for name in names})
    return ", ".join(layers[:_LISTED]) + ", ..." * (len(layers) > _LISTED)


def _checked(targets: list[str] | str, known: Sequence[str]) -> list[str] | str:
    """The targets, with a pattern replaced by the layers that it matches.

    Raises:
        AdapterError: a name or the pattern matches no layer.
    """
    if targets == _ALL:
        return targets
    if isinstance(targets, str):
        try:
            pattern = _regex.compile(targets)
            targets = [name for name in known if name and pattern.fullmatch(name, timeout=_PATIENCE / len(known))]
        except (_regex.error, TimeoutError) as error:
            raise AdapterError(f"the pattern in peft_config.target_modules cannot be used: {error}") from error
        if not targets:
            raise AdapterError("the pattern in peft_config.target_modules fits the full name of no layer")
        return targets
    ends = [f".{name}" for name in known if name]
    unknown = [target for target in targets if not any(target and name.endswith(f".{target}") for name in ends)]
    if unknown or not targets:
        if not targets:
            raise AdapterError("peft_config.target_modules is an empty list")
        usual = ", ".join(map(repr, unknown[:_LISTED]))
        raise AdapterError(f"peft_config.target_modules names {usual:.200}, and the model has no such layer")
    return targets


def _without_weights(model: nn.Module) -> nn.Module:
    """A copy of a model's modules with tensors that take no memory."""
    tensors = [*model.parameters(), *model.buffers()]
    memo: dict[int, Any] = {id(tensor): _empty(tensor) for tensor in tensors}
    return copy.deepcopy(model, memo)


def _empty(tensor: torch.Tensor) -> torch.Tensor:
    found = torch.empty_like(tensor, device="meta")
    return nn.Parameter(found, requires_grad=False) if isinstance(tensor, nn.Parameter) else found
