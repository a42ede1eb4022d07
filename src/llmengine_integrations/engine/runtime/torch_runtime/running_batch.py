"""Continuous batching: completions join and leave a running batch between any two tokens.

New rows read their prompts together, padded on the right, where no token sees the padding. They are then padded on the left to the
batch's length, or the batch is padded to theirs. A finished row is removed, and padding that no row needs any longer is cut. Each row
gets the same tokens that it would get alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .kv_cache import KVCache
from .loading.loaded_model import CausalLM
from .loading.lora import Adapter, AdapterMix
from .rows import Choice, Prompt
from .sampling import Sampler, choose


@dataclass(frozen=True, slots=True)
class Prefilled:
    """Rows that have read their prompts and chosen their first tokens, ready to join a batch."""

    prompts: Sequence[Prompt]
    samplers: Sequence[Sampler]
    cache: KVCache
    choices: Sequence[Choice | Exception]
    """The choice of each row, or the exception that the row raised."""


class RunningBatch:
    """The rows that one model generates together. Only one thread may use it."""

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

    def prefill(self, prompts: Sequence[Prompt]) -> Prefilled:
        """Read prompts and choose the first tokens, without changing the batch."""
        samplers = [
            Sampler(prompt.sampling, log_probs=prompt.log_probs, prompt=prompt.ids, guide=prompt.guide)
            for prompt in prompts
        ]
        cache, lengths = KVCache(), [len(prompt.ids) for prompt in prompts]
        padded = [[*prompt.ids, *[0] * (max(lengths) - len(prompt.ids))] for prompt in prompts]
        with torch.inference_mode():
            logits = self._model.logits(
                torch.tensor(padded, device=self._model.device),
                cache,
                lengths=lengths,
                adapters=_mix([prompt.adapter for prompt in prompts]),
            )
            return Prefilled(prompts, samplers, cache, choose(logits, samplers))

    def join(self, new: Prefilled, rows: Sequence[int]) -> None:
        """Append the given ones of the new rows. If that fails, the batch is unchanged."""
        if not rows:
            return
        lengths = [len(new.prompts[row].ids) for row in rows]
        before, added = self._cache.length, max(lengths)
        with torch.inference_mode():
            new.cache.align(rows, lengths)
            if self._samplers:
                self._cache.join(new.cache)
            else:
                self._cache = new.cache
        length = max(before, added)
        self._padding = [padding + length - before for padding in self._padding] + [length - own for own in lengths]
        self._samplers += [new.samplers[row] for row in rows]
        self._last += [_token(new.choices[row]) for row in rows]
        self._use([*self._adapters, *(new.prompts[row].adapter for row in rows)])

    def step(self) -> list[Choice | Exception]:
        """Choose the next token of every row, in the order in which the rows joined.

        A failed forward pass is repeated with each row alone. For a row that also fails alone, its exception is returned instead of a
        choice, and the row must be dropped. The other rows continue as if it had not been there.
        """
        with torch.inference_mode():
            logits, failures = self._logits()
            going_on = [row for row in range(len(self)) if row not in failures]
            samplers = [self._samplers[row] for row in going_on]
            chosen = dict(zip(going_on, choose(logits, samplers) if going_on else [], strict=True))
        choices = [failures[row] if row in failures else chosen[row] for row in range(len(self))]
        self._last = [0 if isinstance(choice, Exception) else choice.token for choice in choices]
        return choices

    def _logits(self) -> tuple[Tensor, dict[int, Exception]]:
        """The logits of the next tokens, and the exceptions of the rows that failed."""
        length, device = self._cache.length, self._model.device
        try:
            logits = self._model.logits(
                torch.tensor([[token] for token in self._last], device=device),
                self._cache,
                positions=torch.tensor([[length - padding] for padding in self._padding], device=device),
                mask=self._mask(length + 1),
                adapters=self._mix,
            )
        except Exception as error:  # noqa: BLE001 - any error may concern one row only
            self._cache.undo(length)
            return self._logits_alone(length) if len(self) > 1 else (torch.empty(0), {0: error})
        return logits, {}

    def _logits_alone(self, length: int) -> tuple[Tensor, dict[int, Exception]]:
        """Like `_logits`, but one row after the other."""
        found: list[Tensor] = []
        caches: list[KVCache | None] = []
        failures: dict[int, Exception] = {}
        for row, padding in enumerate(self._padding):
            try:
                cache = self._cache.row(row, padding)
                logits = self._model.logits(
                    torch.tensor([[self._last[row]]], device=self._model.device),
                    cache,
                    positions=torch.tensor([[length - padding]], device=self._model.device),
                    adapters=_mix([self._adapters[row]]),
                )
            except Exception as error:  # noqa: BLE001 - returned to the caller
                failures[row] = error
                caches.append(None)
            else:
                found.append(logits)
                caches.append(cache)
        if found:
            self._cache.add_last(caches)
        return torch.cat(found) if found else torch.empty(0), failures

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

    def _mask(self, length: int) -> Tensor | None:
        if not any(self._padding):
            return None
        padding = torch.tensor(self._padding, device=self._model.device)
        return torch.arange(length, device=padding.device) >= padding[:, None]


def _token(choice: Choice | Exception) -> int:
    if isinstance(choice, Exception):
        raise choice
    return choice.token


def _mix(adapters: Sequence[Adapter | None], before: AdapterMix | None = None) -> AdapterMix | None:
    """The adapters of rows for a forward pass; None if no row has one."""
    return AdapterMix(adapters, before) if any(adapters) else None
