"""Rows as tokens, in batches. A row becomes `prompt response <end>`, and only response and end are learned."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

_IGNORED = -100  # torch's cross_entropy leaves these labels out
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
    """A row's tokens: the prompt as completions read it, and what a completion should be.

    Args:
        tokenizer: of transformers.
        pair: prompt and response.
        end: the token that ends a text; None if the model has none.
    """
    prompt, response = pair
    ids: list[int] = tokenizer.encode(prompt)
    if ids and ids[-1] == end:  # some tokenizers end every text
        ids.pop()
    answer: list[int] = tokenizer.encode(response, add_special_tokens=False)
    return Example(ids + answer + ([] if end is None else [end]), len(ids))


def split(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Set a tenth aside for validation, at least one row; the same one each time. A single row is used for both."""
    shuffled = list(examples)
    random.Random(_SEED).shuffle(shuffled)  # noqa: S311 - a split, not a secret
    count = max(1, len(shuffled) // _VALIDATION_SHARE)
    return shuffled[count:] or shuffled, shuffled[:count]


def batches(examples: Sequence[Example], size: int, *, epoch: int | None = None) -> list[list[Example]]:
    """The rows in groups: as they are, or in an order that each epoch has for itself."""
    ordered = list(examples)
    if epoch is not None:
        random.Random(_SEED + epoch).shuffle(ordered)  # noqa: S311 - as above
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def collate(rows: Sequence[Example], device: torch.device) -> Batch:
    """Rows as tensors: rows x the longest one's tokens."""
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
