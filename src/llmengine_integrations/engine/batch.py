"""Continuous batching: completions join and leave a running batch between any two tokens.

A new row is prefilled alone and then padded on the left to the batch's length (or the batch to the row's); a finished row is taken
out and padding that no row needs any more is cut. Each row gets the tokens that it would get alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .adapters import Adapter, AdapterMix
from .backend import CausalLM
from .generation import Choice, SamplingParams
from .guides import Guide
from .kv_cache import KVCache
from .sampling import Sampler, choose


@dataclass(frozen=True, slots=True)
class Prefilled:
    """A row that has read its prompt and chosen its first token, ready to join a batch."""

    sampler: Sampler
    adapter: Adapter | None
    cache: KVCache
    choice: Choice


class Batch:
    """The rows that one model generates together; used by one thread only."""

    def __init__(self, model: CausalLM) -> None:
        self._model = model
        self._mix: AdapterMix | None = None
        self.clear()

    def __len__(self) -> int:
        return len(self._samplers)

    def clear(self) -> None:
        """Drop every row."""
        self._cache = KVCache()
        self._samplers: list[Sampler] = []
        self._last: list[int] = []
        self._padding: list[int] = []
        self._use([])

    def prefill(
        self,
        ids: Sequence[int],
        params: SamplingParams,
        *,
        log_probs: bool = False,
        guide: Guide | None = None,
        adapter: Adapter | None = None,
    ) -> Prefilled:
        """Read a prompt and choose the first token, without touching the batch."""
        sampler, cache = Sampler(params, log_probs=log_probs, prompt=ids, guide=guide), KVCache()
        with torch.inference_mode():
            logits = self._model.logits(
                torch.tensor([list(ids)], device=self._model.device), cache, adapters=_mix([adapter])
            )
            return Prefilled(sampler, adapter, cache, choose(logits, [sampler])[0])

    def join(self, row: Prefilled) -> None:
        """Add a row as the last one."""
        if not self._samplers:
            self._cache, self._padding = row.cache, [0]
        else:
            before, new = self._cache.length, row.cache.length
            length = max(before, new)
            with torch.inference_mode():
                self._cache.join(row.cache)
            self._padding = [padding + length - before for padding in self._padding] + [length - new]
        self._samplers.append(row.sampler)
        self._last.append(row.choice.token)
        self._use([*self._adapters, row.adapter])

    def step(self) -> list[Choice]:
        """Choose the next token of every row, in the order in which they joined."""
        with torch.inference_mode():
            length = self._cache.length + 1
            padding = torch.tensor(self._padding, device=self._model.device)
            logits = self._model.logits(
                torch.tensor(self._last, device=self._model.device)[:, None],
                self._cache,
                positions=(length - 1 - padding)[:, None],
                mask=self._mask(padding, length),
                adapters=self._mix,
            )
            choices = choose(logits, self._samplers)
        self._last = [choice.token for choice in choices]
        return choices

    def keep(self, rows: Sequence[int]) -> None:
        """Keep the given rows, in the given order, and drop the others."""
        if not rows:
            self.clear()
            return
        start = min(self._padding[row] for row in rows)
        with torch.inference_mode():
            self._cache.keep(rows, start)
        self._padding = [self._padding[row] - start for row in rows]
        self._samplers = [self._samplers[row] for row in rows]
        self._last = [self._last[row] for row in rows]
        self._use([self._adapters[row] for row in rows])

    def _use(self, adapters: list[Adapter | None]) -> None:
        self._adapters = adapters
        self._mix = _mix(adapters, self._mix)

    def _mask(self, padding: Tensor, length: int) -> Tensor | None:
        if not any(self._padding):
            return None
        return torch.arange(length, device=padding.device) >= padding[:, None]


def _mix(adapters: Sequence[Adapter | None], before: AdapterMix | None = None) -> AdapterMix | None:
    """The adapters of rows for a forward pass; None if no row has one."""
    return AdapterMix(adapters, before) if any(adapters) else None
