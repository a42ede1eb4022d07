"""The keys and values of a batch, in transformers' format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import transformers
from torch import Tensor
from transformers import cache_utils

from .kv_memory import room

_transformers = cast("Any", transformers)
_DynamicLayer = cast("Any", cache_utils.DynamicLayer)


class _GrowingLayer(_DynamicLayer):
    """One layer's keys and values, in buffers with spare room.

    transformers' own layer concatenates, which copies the whole history for every token. In a long batch that takes a third of the time.
    """

    keys: Tensor
    values: Tensor
    _buffers: tuple[Tensor, ...]

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Add the states of new tokens and return all states. This is transformers' interface."""
        used = self.get_seq_length()
        total = used + key_states.shape[-2]
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._hold(_buffer(key_states, total), _buffer(value_states, total), total)
        elif total > self._buffers[0].shape[-2]:
            self._hold(_grown(self.keys, total), _grown(self.values, total), total)
        # `narrow` takes half the time of slicing, and this runs for every layer and token.
        keys, values = self._buffers
        keys.narrow(2, used, total - used).copy_(key_states)
        values.narrow(2, used, total - used).copy_(value_states)
        self.keys, self.values = keys.narrow(2, 0, total), values.narrow(2, 0, total)
        return self.keys, self.values

    def align(self, rows: Sequence[int], lengths: Sequence[int]) -> None:
        """Keep these rows. Only the first `lengths[i]` positions of each are used, and they move to the right."""
        self._hold(_aligned(self.keys, rows, lengths), _aligned(self.values, rows, lengths), max(lengths))

    def join(self, other: _GrowingLayer) -> None:
        """Append the other layer's rows, with the shorter rows padded on the left, and empty the other layer."""
        length = max(self.keys.shape[-2], other.keys.shape[-2])
        self._hold(_stacked(self.keys, other.keys, length), _stacked(self.values, other.values, length), length)
        other.reset()

    def reset(self) -> None:
        """Release all memory."""
        self.keys = self.values = cast("Any", None)
        self.is_initialized = False
        self._buffers = ()

    def cut(self, rows: int, start: int, length: int) -> None:
        """Keep the first `rows` rows and `length` positions from `start` on, without copying. This drops the rest of a failed change."""
        if self.keys.shape[0] == rows and self.keys.shape[2] == length:
            return
        keys, values = self._buffers
        self._hold(keys[:rows, :, start:], values[:rows, :, start:], length)

    def row(self, row: int, start: int) -> _GrowingLayer:
        """A copy of one row without its first `start` positions."""
        alone = _GrowingLayer()
        alone.update(self.keys[row : row + 1, :, start:], self.values[row : row + 1, :, start:])
        return alone

    def keep(self, rows: Tensor, start: int) -> None:
        """Keep these rows, without the first `start` positions."""
        length = self.keys.shape[-2] - start
        self._hold(_selected(self.keys, rows, start), _selected(self.values, rows, start), length)

    def keep_in_place(self, rows: Sequence[int], start: int) -> None:
        """Like `keep`, but without new memory: the buffers keep their size. The rows must be in ascending order."""
        for place, row in enumerate(rows):
            for buffer in self._buffers if place != row else ():
                buffer[place].copy_(buffer[row])
        self.cut(len(rows), start, self.keys.shape[-2] - start)

    def _hold(self, keys: Tensor, values: Tensor, length: int) -> None:
        self._buffers = keys, values
        self.keys, self.values = keys[:, :, :length], values[:, :, :length]


def _buffer(like: Tensor, tokens: int, rows: int | None = None) -> Tensor:
    """An empty buffer with room for `tokens` tokens. This is the only place that allocates memory for keys and values."""
    return like.new_empty(like.shape[0] if rows is None else rows, like.shape[1], room(tokens), like.shape[-1])


def _grown(states: Tensor, tokens: int) -> Tensor:
    buffer = _buffer(states, tokens)
    buffer[:, :, : states.shape[-2]] = states
    return buffer


def _aligned(states: Tensor, rows: Sequence[int], lengths: Sequence[int]) -> Tensor:
    longest = max(lengths)
    buffer = _buffer(states, longest, len(rows))
    buffer[:, :, : longest - min(lengths)] = 0  # the mask does not hide a NaN
    for place, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        buffer[place, :, longest - length : longest] = states[row, :, :length]
    return buffer


def _stacked(upper: Tensor, lower: Tensor, length: int) -> Tensor:
    buffer = _buffer(upper, length, len(upper) + len(lower))
    for part, rows in ((upper, buffer[: len(upper)]), (lower, buffer[len(upper) :])):
        padding = length - part.shape[-2]
        rows[:, :, :padding] = 0  # the mask does not hide a NaN
        rows[:, :, padding:length] = part
    return buffer


def _selected(states: Tensor, rows: Tensor, start: int) -> Tensor:
    length = states.shape[-2] - start
    buffer = _buffer(states, length, len(rows))
    torch.index_select(states[:, :, start:], 0, rows, out=buffer[:, :, :length])
    return buffer


def _last(rows: Sequence[Tensor | None], like: Tensor) -> Tensor:
    """The last position of each item, one per row; None gives zeros."""
    empty = like.new_zeros(1, like.shape[1], 1, like.shape[3])
    return torch.cat([empty if row is None else row[:, :, -1:] for row in rows])


class KVCache:
    """The keys and values of a batch: one tensor pair per layer, rows x heads x length x size, padded on the left.

    Changes are made layer by layer, so that at most one layer exists twice at any time.
    """

    def __init__(self, layers: Sequence[_GrowingLayer] = ()) -> None:
        # Models with sliding windows get full layers too; their masks still apply.
        self.raw: Any = _transformers.Cache(layer_class_to_replicate=_GrowingLayer)
        self.raw.layers.extend(layers)

    @property
    def length(self) -> int:
        """The number of tokens per row, including padding."""
        return int(self.raw.get_seq_length())

    @property
    def slot_size(self) -> int:
        """Bytes per slot of a row, including a share of the largest layer's second copy. The cache must contain a token."""
        sizes = [
            sum(states.shape[1] * states.shape[-1] * states.element_size() for states in (layer.keys, layer.values))
            for layer in self.raw.layers
        ]
        return sum(sizes) + max(sizes)

    def align(self, rows: Sequence[int], lengths: Sequence[int]) -> None:
        """Keep the given rows. Only the first `lengths[i]` positions of each are used; the padding moves from the right to the left."""
        if any(length != self.length for length in lengths):
            for layer in self.raw.layers:
                layer.align(rows, lengths)
        elif len(rows) < len(self.raw.layers[0].keys):
            self.keep(rows, 0)

    def join(self, other: KVCache) -> None:
        """Move the other cache's rows into this one, with the shorter rows padded on the left. The other cache is then empty.

        If that fails, for example for lack of memory, this cache is unchanged.
        """
        rows, length = len(self.raw.layers[0].keys), self.length
        longest = max(length, other.length)
        try:
            for mine, theirs in zip(self.raw.layers, other.raw.layers, strict=True):
                mine.join(theirs)
        except Exception:
            for layer in self.raw.layers:
                layer.cut(rows, longest - length if len(layer.keys) > rows else 0, length)
            raise

    def undo(self, length: int) -> None:
        """Restore the cache to `length` positions after a failed forward pass, which has added tokens to some layers."""
        for layer in self.raw.layers:
            layer.cut(len(layer.keys), 0, length)

    def row(self, row: int, start: int) -> KVCache:
        """A copy of one row without its first `start` positions."""
        return KVCache([layer.row(row, start) for layer in self.raw.layers])

    def add_last(self, rows: Sequence[KVCache | None]) -> None:
        """Add the last position of each of these caches, one per row; None adds zeros."""
        for number, layer in enumerate(self.raw.layers):
            found = [None if row is None else row.raw.layers[number] for row in rows]
            layer.update(
                _last([None if each is None else each.keys for each in found], layer.keys),
                _last([None if each is None else each.values for each in found], layer.values),
            )

    def keep(self, rows: Sequence[int], start: int) -> None:
        """Keep the given rows, in ascending order, without the first `start` positions. This also works without free memory."""
        index = torch.tensor(rows, device=self.raw.layers[0].keys.device)
        for layer in self.raw.layers:
            try:
                layer.keep(index, start)
            except RuntimeError:  # the device has no memory for a second copy of the layer
                layer.keep_in_place(rows, start)
