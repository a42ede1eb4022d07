"""The learning rate of each step: it rises linearly and then falls along a cosine."""

from __future__ import annotations

import math


def learning_rate(step: int, *, steps: int, peak: float, warmup_ratio: float) -> float:
    """The learning rate of a step.

    Args:
        step: counted from 0.
        steps: the total number of steps.
        peak: the highest learning rate.
        warmup_ratio: the share of the steps in which it rises, rounded up to whole steps.
    """
    warmup = math.ceil(steps * warmup_ratio)
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))) / 2
