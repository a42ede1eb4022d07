"""Chooses the next token of every row of a batch from its logits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..generation import SamplingParams
from .rows import Choice
from .token_masks import Guide

_LOWEST_LOG_PROB = -9999.0  # JSON has no infinity
_LOWEST_TEMPERATURE = 1e-5  # smaller values become 0 in float32


class Sampler:
    """The sampling state of one row: its settings, its random numbers, and how often it has chosen each token.

    The draw depends only on the row's own seed and logits, never on other rows of the batch.
    """

    def __init__(
        self,
        params: SamplingParams,
        *,
        log_probs: bool = False,
        prompt: Sequence[int] = (),
        guide: Guide | None = None,
    ) -> None:
        self.params = params
        self._guide = guide
        self.log_probs = log_probs
        self._counts: dict[int, int] = {}
        self._repeated = set(prompt) if params.repetition_penalty != 1 else set[int]()
        self._chosen = 0
        self._biases: Tensor | None = None
        self._adjusts = bool(
            params.presence_penalty or params.frequency_penalty or params.repetition_penalty != 1 or params.logit_bias
        )
        self._random = np.random.Generator(np.random.SFC64(None if params.seed is None else params.seed % 2**64))

    @property
    def penalised(self) -> bool:
        """Whether logits are changed before a token is chosen, by penalties, biases or masks."""
        return self._adjusts or self._chosen < self.params.banned_until or self._guide is not None

    def penalise(self, logits: Tensor) -> None:
        """Apply penalties, biases and masks to the logits, in place.

        As in vLLM, only the repetition penalty also counts the tokens of the prompt.
        """
        if self._repeated:
            tokens = torch.tensor(list(self._repeated), device=logits.device)
            found, penalty = logits[tokens], self.params.repetition_penalty
            logits[tokens] = torch.where(found > 0, found / penalty, found * penalty)
        self._subtract_penalties(logits)
        if self.params.logit_bias:
            if self._biases is None:
                self._biases = _dense(self.params.logit_bias, logits)
            logits += self._biases
        self._rule_out(logits)

    def _rule_out(self, logits: Tensor) -> None:
        banned = self.params.banned if self._chosen < self.params.banned_until else frozenset[int]()
        if self._guide is not None:
            allowed = self._guide.allowed(len(logits), banned).to(logits.device)
            logits.masked_fill_(~allowed, -math.inf)
        elif banned:
            logits[[token for token in banned if 0 <= token < len(logits)]] = -math.inf

    def _subtract_penalties(self, logits: Tensor) -> None:
        if not self._counts or not (self.params.presence_penalty or self.params.frequency_penalty):
            return
        tokens = torch.tensor(list(self._counts), device=logits.device)
        counts = torch.tensor(list(self._counts.values()), device=logits.device, dtype=logits.dtype)
        logits[tokens] -= self.params.presence_penalty + self.params.frequency_penalty * counts

    def draw_noise(self, noise: NDArray[np.float32]) -> None:
        """Fill the array with exponential noise. The argmax of probability / noise is a draw from the distribution."""
        self._random.standard_exponential(dtype=np.float32, out=noise)  # four times as fast as torch's

    def record(self, token: int) -> None:
        """Record a chosen token for the penalties and the constraint."""
        if self._guide is not None:
            self._guide.consume(token)
        if self.penalised:
            self._counts[token] = self._counts.get(token, 0) + 1
            if self.params.repetition_penalty != 1:
                self._repeated.add(token)
        self._chosen += 1


def choose(logits: Tensor, rows: Sequence[Sampler]) -> list[Choice | Exception]:
    """Choose a token for every row.

    Args:
        logits: float32, rows x vocabulary.
        rows: one sampler per row, in the same order.

    Returns:
        The choice of each row, or the exception that the row's own settings or constraint raised.
    """
    failures: dict[int, Exception] = {}
    adjusted = _penalised(logits, rows, failures)
    chosen = adjusted.argmax(dim=-1)
    drawing = [index for index, row in enumerate(rows) if row.params.temperature > 0]
    if drawing:
        chosen[drawing] = _draw(adjusted[drawing], [rows[index] for index in drawing])
    choices = _choices(logits, chosen, rows)
    for index, (row, choice) in enumerate(zip(rows, choices, strict=True)):
        if index not in failures:
            try:
                row.record(choice.token)
            except Exception as error:  # noqa: BLE001 - returned to the caller: it concerns this row only
                failures[index] = error
    return [failures.get(index, choice) for index, choice in enumerate(choices)]


def _choices(logits: Tensor, chosen: Tensor, rows: Sequence[Sampler]) -> list[Choice]:
    """The chosen tokens, with log-probs for the rows that request them."""
    tokens: list[int] = _listed(chosen)
    if not any(row.log_probs for row in rows):
        return [Choice(token, None) for token in tokens]
    totals = logits.logsumexp(dim=-1)
    log_probs: list[float] = _listed(logits.gather(1, chosen[:, None])[:, 0] - totals)
    tops = _tops(logits, totals, rows)
    return [
        Choice(token, _finite(log_prob) if row.log_probs else None, top)
        for row, token, log_prob, top in zip(rows, tokens, log_probs, tops, strict=True)
    ]


def _tops(logits: Tensor, totals: Tensor, rows: Sequence[Sampler]) -> list[tuple[tuple[int, float], ...]]:
    """The most likely tokens of every row, as many as the row requests."""
    wanted = [row.params.top_log_probs if row.log_probs else 0 for row in rows]
    if not any(wanted):
        return [()] * len(rows)
    values, tokens = logits.topk(min(max(wanted), logits.shape[-1]), dim=-1)
    log_probs: list[list[float]] = _listed(values - totals[:, None])
    found: list[list[int]] = _listed(tokens)
    return [
        tuple(zip(row[:count], map(_finite, values[:count]), strict=True))
        for row, values, count in zip(found, log_probs, wanted, strict=True)
    ]


def _penalised(logits: Tensor, rows: Sequence[Sampler], failures: dict[int, Exception]) -> Tensor:
    if not any(row.penalised for row in rows):
        return logits
    adjusted = logits.clone()
    for index, row in enumerate(rows):
        if row.penalised:
            try:
                row.penalise(adjusted[index])
            except Exception as error:  # noqa: BLE001 - returned to the caller: it concerns this row only
                failures[index] = error
    return adjusted


def _draw(logits: Tensor, rows: Sequence[Sampler]) -> Tensor:
    lowest = _LOWEST_TEMPERATURE
    temperatures = torch.tensor([max(lowest, row.params.temperature) for row in rows], device=logits.device)
    scaled = logits / temperatures[:, None]
    if any(_filters(row.params) for row in rows):
        scaled = _filtered(scaled, [row.params for row in rows])
    noise = np.empty(logits.shape, np.float32)
    for row, own in zip(rows, noise, strict=True):
        row.draw_noise(own)
    np.maximum(noise, np.finfo(np.float32).tiny, out=noise)
    return (scaled.softmax(dim=-1) / torch.as_tensor(noise, device=logits.device)).argmax(dim=-1)


def _filters(params: SamplingParams) -> bool:
    return params.top_k is not None or params.top_p is not None or params.min_p > 0


def _filtered(scaled: Tensor, params: Sequence[SamplingParams]) -> Tensor:
    """Mask the tokens that top_k, then top_p, and min_p exclude. The result is in vocabulary order, so that a seed gives one result."""
    size = scaled.shape[-1]
    top_k = torch.tensor([size if p.top_k is None else min(p.top_k, size) for p in params], device=scaled.device)
    top_p = torch.tensor([math.inf if p.top_p is None else p.top_p for p in params], device=scaled.device)
    values, order = scaled.sort(dim=-1, descending=True)
    values = values.masked_fill(torch.arange(size, device=scaled.device) >= top_k[:, None], -math.inf)
    probabilities = values.softmax(dim=-1)
    before = probabilities.cumsum(dim=-1) - probabilities
    values = values.masked_fill(before >= top_p[:, None], -math.inf)
    min_p = torch.tensor([p.min_p for p in params], device=scaled.device)
    values = values.masked_fill(probabilities < min_p[:, None] * probabilities[:, :1], -math.inf)
    return torch.empty_like(scaled).scatter_(-1, order, values)


def _dense(biases: Mapping[int, float], logits: Tensor) -> Tensor:
    """The value to add to every logit. Created once per row, because there may be a bias for each of a hundred thousand tokens."""
    known = {token: bias for token, bias in biases.items() if token < len(logits)}
    added = torch.zeros_like(logits)
    tokens = torch.tensor(list(known), dtype=torch.long, device=logits.device)
    added[tokens] = torch.tensor(list(known.values()), dtype=logits.dtype, device=logits.device)
    return added


def _listed(values: Tensor) -> list[Any]:
    return cast("Any", values).tolist()  # torch's annotations do not declare the element type


def _finite(log_prob: float) -> float:
    # max() returns its first argument if the second is NaN
    return max(_LOWEST_LOG_PROB, log_prob)
