"""Checks, when a model is loaded, that each row of a batch gets the same result as that row alone.

Two rows of different length are run together, padded as `RunningBatch` pads them, and then each alone. Some models give different
answers in a batch: they read the padding, or scale their positions by the longest row (longrope). No error would occur, but every answer
would be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..kv_cache import KVCache
from .loaded_model import CausalLM, LoadedModel

_TEXT = "Hello, my name is Maria, and I live in Valencia. The sky is blue; what is the sea like, and why do you ask?"
_LONGEST = 24  # tokens of the longer row; the shorter row has a third of that
_STEPS = 2
# The allowed difference between logits, as a share of their own spread. Rounding explains about 1e-5 with 32 bits. With 16 bits it
# explains a few percent, and more if it makes a router choose another expert.
_TOLERANCE = 5e-3
_TOLERANCE_OF_HALF = 0.25


_IN_A_BATCH = "in a batch it answers otherwise than alone, so completions would depend on those beside them"
_STEP_BY_STEP = "token by token it answers otherwise than when it reads a text at once"


class UnlikeAloneError(Exception):
    """A model whose answers depend on how they are computed. The message is one line."""


def check_rows_are_independent(model: LoadedModel) -> None:
    """Refuse a model that gives a row different logits in a batch than alone. Takes a dozen short forward passes.

    Raises:
        UnlikeAloneError: the logits differ.
    """
    run = model.causal_lm
    if _scales_by_the_longest_row(run.settings, model.context_length):
        raise UnlikeAloneError(f"{_IN_A_BATCH} (longrope scales all positions by the longest row)")
    long = model.tokenizer.encode(_TEXT)[: max(1, min(_LONGEST, model.context_length - _STEPS))]
    short = long[-max(1, len(long) // 3) :]
    tolerance = _TOLERANCE_OF_HALF if run.dtype.itemsize < torch.float32.itemsize else _TOLERANCE
    # The second time, the longer row ends at the end of the context, as can happen in a real batch.
    for position in (None, model.context_length - 1):
        together = _logits(run, [short, long], [None, position])
        alone = (_logits(run, [short], [None]), _logits(run, [long], [position]))
        for row, expected in enumerate(alone):
            for found, right in zip(together, expected, strict=True):
                _compare(found[row], right[0], tolerance, _IN_A_BATCH)
    at_once = _logits(run, [[*short, *short[-1:] * _STEPS]], [None])[0]
    _compare(_logits(run, [short], [None])[-1][0], at_once[0], tolerance, _STEP_BY_STEP)


def _scales_by_the_longest_row(settings: Any, context_length: int) -> bool:
    """Whether transformers changes the scale of all rows' positions when one row becomes long.

    With 16 bits, the logits do not show this for every prompt, so the settings are checked instead.
    """
    found: dict[str, Any] = getattr(settings, "rope_parameters", None) or {}
    one_for_all = "rope_type" in found
    return any(
        _changes_scale(rope, settings, context_length) for rope in ([found] if one_for_all else found.values()) if rope
    )


def _changes_scale(rope: Mapping[str, Any], settings: Any, context_length: int) -> bool:
    if rope.get("rope_type") != "longrope" or rope.get("short_factor") == rope.get("long_factor"):
        return False
    switch: int | None = rope.get("original_max_position_embeddings")
    if switch is None:
        switch = getattr(settings, "original_max_position_embeddings", None)
    return switch is None or switch < context_length


@torch.inference_mode()
def _logits(model: CausalLM, rows: Sequence[Sequence[int]], positions: Sequence[int | None]) -> list[Tensor]:
    """The logits after the rows' prompts, which end with the same token, and after that token is repeated twice.

    Args:
        model: the model.
        rows: the prompts.
        positions: the position to give to each row's last token; None for its actual position.
    """
    cache, lengths = KVCache(), [len(row) for row in rows]
    longest = max(lengths)
    padded = [[*row, *[0] * (longest - len(row))] for row in rows]
    found = [model.logits(torch.tensor(padded, device=model.device), cache, lengths=lengths)]
    cache.align(range(len(rows)), lengths)
    padding = torch.tensor([[longest - length] for length in lengths], device=model.device)
    for step in range(_STEPS):
        place = padding.new_tensor([[longest + step]]) - padding
        if step == _STEPS - 1:
            place = padding.new_tensor(
                [[int(own) if at is None else at] for own, at in zip(place, positions, strict=True)]
            )
        mask = torch.arange(longest + step + 1, device=model.device) >= padding if len(rows) > 1 else None
        ids = torch.full_like(padding, rows[0][-1])
        found.append(model.logits(ids, cache, positions=place, mask=mask))
    return found


def _compare(found: Tensor, right: Tensor, tolerance: float, fault: str) -> None:
    usable = right.isfinite()  # some models mask tokens
    found, right = found[usable], right[usable]
    apart = ((found - right).square().mean().sqrt() / right.std().clamp_min(1e-9)).item()
    if not apart <= tolerance:  # also true for NaN
        raise UnlikeAloneError(
            f"{fault} (its logits differ by {apart:.2g} of their spread; rounding explains {tolerance:g})"
        )
