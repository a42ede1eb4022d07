"""Rows as tokens, in batches. A row becomes `prompt response <end>`; only the response and the end token are learned."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

_IGNORED = -100  # torch's cross_entropy ignores these labels
_SEED = 20_240
_VALIDATION_SHARE = 10


class Example(NamedTuple):
    """A row as tokens."""

    ids: list[int]
    prompt_length: int


class Batch(NamedTuple):
    """Rows that are trained together, padded on the right."""

    ids: Tensor
    mask: Tensor
    labels: Tensor


def example(tokenizer: Any, pair: tuple[str, str], end: int | None) -> Example:
    """Return a row's tokens: the prompt as for a completion, and the expected completion.

    Args:
        tokenizer: a tokenizer of transformers.
        pair: prompt and response.
        end: the token that ends a text; None if the model has no such token.
    """
    prompt, response = pair
    ids: list[int] = tokenizer.encode(prompt)
    if ids and ids[-1] == end:  # some tokenizers add the end token to every text
        ids.pop()
    answer: list[int] = tokenizer.encode(response, add_special_tokens=False)
    return Example(ids + answer + ([] if end is None else [end]), len(ids))


def split(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Set aside a tenth of the rows, at least one, for validation; always the same ones. A single row is used for both."""
    shuffled = list(examples)
    random.Random(_SEED).shuffle(shuffled)  # noqa: S311 - a split, not a secret
    count = max(1, len(shuffled) // _VALIDATION_SHARE)
    return shuffled[count:] or shuffled, shuffled[:count]


def batches(examples: Sequence[Example], size: int, *, epoch: int | None = None) -> list[list[Example]]:
    """Return the rows in groups: in their order, or, if `epoch` is given, in an order of that epoch's own."""
    ordered = list(examples)
    if epoch is not None:
        random.Random(_SEED + epoch).shuffle(ordered)  # noqa: S311 - an order, not a secret
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def collate(rows: Sequence[Example], device: torch.device) -> Batch:
    """Return rows as tensors, of as many columns as the longest row has tokens."""
    length = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    mask = torch.zeros(len(rows), length, dtype=torch.long)
    labels = torch.full((len(rows), length), _IGNORED)
    for place, row in enumerate(rows):
        tokens = torch.tensor(row.ids)
        ids[place, : len(tokens)] = tokens
        mask[place, : len(tokens)] = 1
        labels[place, row.prompt_length : len(tokens)] = tokens[row.prompt_length :]
    return Batch(ids.to(device), mask.to(device), labels.to(device))
