"""The learning rate from step to step: it rises along a line and falls like a cosine."""

from __future__ import annotations

import math


def learning_rate(step: int, *, steps: int, peak: float, warmup_ratio: float) -> float:
    """The learning rate of a step.

    Args:
        step: counted from 0.
        steps: in all.
        peak: the highest.
        warmup_ratio: the share of the steps in which it rises; a part of a step counts as one.
    """
    warmup = math.ceil(steps * warmup_ratio)
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))) / 2
