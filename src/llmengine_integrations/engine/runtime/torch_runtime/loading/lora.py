"""LoRA adapters: what each adds to the layers of a model, in batches whose rows use different ones.

The base model stays as it was loaded. While rows that use adapters are run, hooks on the layers that have any add the low-rank products;
rows of the base run without them. peft would wrap every layer for good and go through the adapters of a batch one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class AdapterError(ValueError):
    """An adapter that cannot be used; one line that says why."""


@dataclass(frozen=True, slots=True)
class LowRank:
    """What an adapter adds to one layer: `scaling * up @ (down @ x)`."""

    down: Tensor
    """rank x inputs"""
    up: Tensor
    """outputs x rank"""
    scaling: float


@dataclass(frozen=True, eq=False)
class Adapter:
    """A LoRA adapter on its model's device, by the names of the layers that it changes."""

    layers: Mapping[str, LowRank]


class AdapterSwitch:
    """Turns adapters of one model on and off."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._mix: AdapterMix | None = None
        self._handles: list[Any] = []

    def turn(self, mix: AdapterMix | None) -> None:
        """Let the model's next forward passes use these adapters; None is the bare model, as fast as one without adapters."""
        if mix is self._mix:
            return
        for handle in self._handles:
            handle.remove()
        self._mix = mix
        layers = {} if mix is None else mix.layers
        self._handles = [self._model.get_submodule(name).register_forward_hook(layer) for name, layer in layers.items()]


class AdapterMix:
    """The adapters of a batch's rows: one product for all of them, in which each row sees its own adapter only.

    Args:
        rows: each row's adapter; None for the base.
        before: the batch's last mix, whose tensors are used again when it had the same adapters.
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
    """The place of an adapter among those of a batch, its rank in a layer, and its scaling there."""

    place: int
    rank: int
    scaling: float


class _Gate:
    """Keeps each row's own ranks, scaled, and drops those of other adapters.

    Args:
        places: the place of each row's adapter; None for the base.
        ranks: those of the layer's adapters, side by side.
        like: a tensor of the device and number type to use.
    """

    def __init__(self, places: Sequence[int | None], ranks: Sequence[_Ranks], like: Tensor) -> None:
        table = [[part.scaling * (part.place == place) for part in ranks for _ in range(part.rank)] for place in places]
        self._scaling = torch.tensor(table).to(like)[:, None]
        closed = self._scaling == 0
        self._closed = closed if bool(closed.any()) else None

    def __call__(self, inner: Tensor) -> Tensor:
        # Filled, not multiplied by zero: what is another adapter's may be infinite in half precision.
        scaled = inner.view(len(self._scaling), -1, inner.shape[-1]) * self._scaling
        if self._closed is not None:
            scaled.masked_fill_(self._closed, 0)
        return scaled.view(inner.shape)


class _MixedLayer:
    """The hook on one layer. The adapters' ranks stand side by side, so that two products serve every row."""

    def __init__(self, parts: Sequence[LowRank], gate: _Gate, stacked: _MixedLayer | None) -> None:
        self._gate = gate
        self.down = stacked.down if stacked else torch.cat([part.down for part in parts])
        self.up = stacked.up if stacked else torch.cat([part.up for part in parts], dim=1)

    def __call__(self, _: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        inner = nn.functional.linear(inputs[0], self.down)
        return output + nn.functional.linear(self._gate(inner), self.up)
