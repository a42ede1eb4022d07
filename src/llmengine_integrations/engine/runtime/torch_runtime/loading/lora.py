"""LoRA adapters: adds their low-rank products to the layers of a model, in batches whose rows use different adapters.

The base model stays unchanged. When a batch has rows with adapters, hooks on the adapted layers add the low-rank products; base rows run
without them. peft would wrap every layer permanently and process the adapters of a batch one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class AdapterError(ValueError):
    """An adapter that cannot be used. The message is one line that says why."""


@dataclass(frozen=True, slots=True)
class LowRank:
    """The term that an adapter adds to one layer: `scaling * up @ (down @ x)`."""

    down: Tensor
    """rank x inputs"""
    up: Tensor
    """outputs x rank"""
    scaling: float


@dataclass(frozen=True, eq=False)
class Adapter:
    """A LoRA adapter on its model's device, as a mapping from the names of the layers that it changes."""

    layers: Mapping[str, LowRank]


class AdapterSwitch:
    """Enables and disables the adapters of one model."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._mix: AdapterMix | None = None
        self._handles: list[Any] = []

    def turn(self, mix: AdapterMix | None) -> None:
        """Use these adapters in the model's next forward passes. None is the base model, as fast as a model without adapters."""
        if mix is self._mix:
            return
        for handle in self._handles:
            handle.remove()
        self._mix = mix
        layers = {} if mix is None else mix.layers
        self._handles = [self._model.get_submodule(name).register_forward_hook(layer) for name, layer in layers.items()]


class AdapterMix:
    """The adapters of a batch's rows. One product serves all of them, and each row sees only its own adapter.

    Args:
        rows: each row's adapter; None for the base model.
        before: the batch's previous mix. Its tensors are reused if it had the same adapters.
    """

    def __init__(self, rows: Sequence[Adapter | None], before: AdapterMix | None = None) -> None:
        found = {id(adapter): adapter for adapter in rows if adapter is not None}
        self.adapters = [found[key] for key in sorted(found)]
        places = [None if adapter is None else self.adapters.index(adapter) for adapter in rows]
        reused = before.layers if before is not None and before.adapters == self.adapters else {}
        gates: dict[tuple[_Ranks, ...], _Gate] = {}
        self.layers: dict[str, _MixedLayer] = {}
        for name in dict.fromkeys(name for adapter in self.adapters for name in adapter.layers):
            parts = {
                place: adapter.layers[name] for place, adapter in enumerate(self.adapters) if name in adapter.layers
            }
            ranks = tuple(_Ranks(place, len(part.down), part.scaling) for place, part in parts.items())
            if ranks not in gates:
                gates[ranks] = _Gate(places, ranks, next(iter(parts.values())).down)
            self.layers[name] = _MixedLayer(list(parts.values()), gates[ranks], reused.get(name))


class _Ranks(NamedTuple):
    """An adapter's position among the adapters of a batch, with its rank and scaling in a layer."""

    place: int
    rank: int
    scaling: float


class _Gate:
    """Keeps and scales each row's own ranks, and sets those of other adapters to zero.

    Args:
        places: the position of each row's adapter; None for the base model.
        ranks: the ranks of the layer's adapters, side by side.
        like: a tensor with the device and number type to use.
    """

    def __init__(self, places: Sequence[int | None], ranks: Sequence[_Ranks], like: Tensor) -> None:
        table = [[part.scaling * (part.place == place) for part in ranks for _ in range(part.rank)] for place in places]
        self._scaling = torch.tensor(table).to(like)[:, None]
        closed = self._scaling == 0
        self._closed = closed if bool(closed.any()) else None

    def __call__(self, inner: Tensor) -> Tensor:
        # Filled with zeros instead of multiplied by zero, because another adapter's values may be infinite in half precision.
        scaled = inner.view(len(self._scaling), -1, inner.shape[-1]) * self._scaling
        if self._closed is not None:
            scaled.masked_fill_(self._closed, 0)
        return scaled.view(inner.shape)


class _MixedLayer:
    """The hook on one layer. The adapters' ranks are stacked side by side, so that two products serve every row."""

    def __init__(self, parts: Sequence[LowRank], gate: _Gate, stacked: _MixedLayer | None) -> None:
        self._gate = gate
        self.down = stacked.down if stacked else torch.cat([part.down for part in parts])
        self.up = stacked.up if stacked else torch.cat([part.up for part in parts], dim=1)

    def __call__(self, _: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        inner = nn.functional.linear(inputs[0], self.down)
        return output + nn.functional.linear(self._gate(inner), self.up)
