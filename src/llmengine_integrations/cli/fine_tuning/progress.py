"""The progress of a fine-tune and its remaining time, from its events."""

from __future__ import annotations

import re

from llmengine_integrations.types import FineTuneEvent

_EPOCHS = re.compile(r"\b(\d+) epochs\b")


class TrainingProgress:
    """The progress according to the events so far.

    Args:
        epochs: The number of epochs, if known; otherwise an event may contain it.

    Attributes:
        epoch: The current epoch.
        loss: The last training loss.
        eval_loss: The last validation loss.
    """

    def __init__(self, epochs: float | None = None) -> None:
        self.epochs = epochs
        self.epoch = 0.0
        self.loss: float | None = None
        self.eval_loss: float | None = None
        self._first: tuple[float, float] | None = None
        self._last: tuple[float, float] | None = None

    def add(self, event: FineTuneEvent) -> bool:
        """Add an event. Return whether it contains metrics."""
        metrics = event.metrics
        if metrics is None:
            self._begin(event)
            return False
        self.loss = metrics.get("loss", self.loss)
        self.eval_loss = metrics.get("eval_loss", self.eval_loss)
        if "epoch" in metrics:
            self.epoch = metrics["epoch"]
            self._mark(event.timestamp, self.epoch)
        return True

    @property
    def seconds_left(self) -> float | None:
        """Seconds from the last event to the end, at the pace so far; None if the pace is unknown."""
        if self.epochs is None or self._first is None or self._last is None:
            return None
        (began, at_first), (now, at_last) = self._first, self._last
        if at_last <= at_first or now <= began:
            return None
        return max(0.0, (self.epochs - at_last) * (now - began) / (at_last - at_first))

    def __str__(self) -> str:
        total = f"/{self.epochs:g}" if self.epochs else ""
        losses = (("loss", self.loss), ("eval_loss", self.eval_loss))
        left = self.seconds_left
        parts = [
            f"epoch {self.epoch:.4g}{total}",
            *(f"{name} {value:.4f}" for name, value in losses if value is not None),
        ]
        return "  ".join([*parts, *([f"{duration(left)} left"] if left else [])])

    def _begin(self, event: FineTuneEvent) -> None:
        found = _EPOCHS.search(event.message)
        if found is None:
            return
        self.epochs = self.epochs or float(found[1])
        self._first = self._last = None  # an interrupted training starts again
        self._mark(event.timestamp, 0.0)

    def _mark(self, timestamp: float | None, epoch: float) -> None:
        if timestamp is not None:
            self._last = (timestamp, epoch)
            self._first = self._first or self._last


def duration(seconds: float) -> str:
    """Format seconds for people: 42 s, 3 min 20 s, 2 h 5 min."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
