"""Choosing the next token of every row of a batch from its logits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from .generation import Choice, SamplingParams

_LOWEST_LOG_PROB = -9999.0  # JSON has no infinity
_LOWEST_TEMPERATURE = 1e-5  # smaller ones become 0 as float32


class Sampler:
    """One row's way of choosing: its settings, its random numbers, and how often it has chosen each token.

    The draw depends on the row's own seed and logits only, never on the rows that share its batch.
    """

    def __init__(self, params: SamplingParams, *, log_probs: bool = False) -> None:
        self.params = params
        self.log_probs = log_probs
        self._counts: dict[int, int] = {}
        self._random = torch.Generator()
        if params.seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(params.seed)

    @property
    def penalised(self) -> bool:
        """Whether tokens that occurred are made less likely."""
        return bool(self.params.presence_penalty or self.params.frequency_penalty)

    def penalise(self, logits: Tensor) -> None:
        """Lower, in place, the logits of tokens that this row has generated. Prompt tokens do not count, as in vLLM."""
        if not self._counts:
            return
        tokens = torch.tensor(list(self._counts), device=logits.device)
        counts = torch.tensor(list(self._counts.values()), device=logits.device, dtype=logits.dtype)
        logits[tokens] -= self.params.presence_penalty + self.params.frequency_penalty * counts

    def noise(self, size: int) -> Tensor:
        """Exponential noise: the argmax of probability / noise is a draw from the distribution."""
        return torch.empty(size).exponential_(generator=self._random).clamp_min_(torch.finfo(torch.float32).tiny)

    def record(self, token: int) -> None:
        """Remember a chosen token, for the penalties."""
        if self.penalised:
            self._counts[token] = self._counts.get(token, 0) + 1


def choose(logits: Tensor, rows: Sequence[Sampler]) -> list[Choice]:
    """Choose a token for every row.

    Args:
        logits: float32, rows x vocabulary.
        rows: one sampler per row, in the same order.
    """
    adjusted = _penalised(logits, rows)
    chosen = adjusted.argmax(dim=-1)
    drawing = [index for index, row in enumerate(rows) if row.params.temperature > 0]
    if drawing:
        chosen[drawing] = _draw(adjusted[drawing], [rows[index] for index in drawing])
    tokens: list[int] = _listed(chosen)
    for row, token in zip(rows, tokens, strict=True):
        row.record(token)
    if not any(row.log_probs for row in rows):
        return [Choice(token, None) for token in tokens]
    log_probs: list[float] = _listed(logits.gather(1, chosen[:, None])[:, 0] - logits.logsumexp(dim=-1))
    return [
        Choice(token, _finite(log_prob) if row.log_probs else None)
        for row, token, log_prob in zip(rows, tokens, log_probs, strict=True)
    ]


def _penalised(logits: Tensor, rows: Sequence[Sampler]) -> Tensor:
    if not any(row.penalised for row in rows):
        return logits
    adjusted = logits.clone()
    for index, row in enumerate(rows):
        if row.penalised:
            row.penalise(adjusted[index])
    return adjusted


def _draw(logits: Tensor, rows: Sequence[Sampler]) -> Tensor:
    lowest = _LOWEST_TEMPERATURE
    temperatures = torch.tensor([max(lowest, row.params.temperature) for row in rows], device=logits.device)
    scaled = logits / temperatures[:, None]
    if any(_filters(row.params) for row in rows):
        scaled = _filtered(scaled, [row.params for row in rows])
    noise = torch.stack([row.noise(logits.shape[-1]) for row in rows]).to(logits.device)
    return (scaled.softmax(dim=-1) / noise).argmax(dim=-1)


def _filters(params: SamplingParams) -> bool:
    return params.top_k is not None or params.top_p is not None


def _filtered(scaled: Tensor, params: Sequence[SamplingParams]) -> Tensor:
    """Make what top_k and then top_p leave out impossible. Back in the vocabulary's order, so that a seed gives one result."""
    size = scaled.shape[-1]
    top_k = torch.tensor([size if p.top_k is None else p.top_k for p in params], device=scaled.device)
    top_p = torch.tensor([math.inf if p.top_p is None else p.top_p for p in params], device=scaled.device)
    values, order = scaled.sort(dim=-1, descending=True)
    values = values.masked_fill(torch.arange(size, device=scaled.device) >= top_k[:, None], -math.inf)
    probabilities = values.softmax(dim=-1)
    before = probabilities.cumsum(dim=-1) - probabilities
    values = values.masked_fill(before >= top_p[:, None], -math.inf)
    return torch.empty_like(scaled).scatter_(-1, order, values)


def _listed(values: Tensor) -> list[Any]:
    return cast("Any", values).tolist()  # torch's annotations leave the elements unknown


def _finite(log_prob: float) -> float:
    # max() returns its first argument when the second is NaN
    return max(_LOWEST_LOG_PROB, log_prob)
