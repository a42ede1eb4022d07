"""Ends a text at its stop strings, for servers that honour some of them or none (DeepSpeed: the first, LightLLM: none)."""

from __future__ import annotations

from collections.abc import Iterable


class StopFilter:
    """Passes a growing text on up to the first stop string, however it is cut into pieces.

    Attributes:
        stopped: Whether a stop string has been found; nothing more comes.
    """

    def __init__(self, stops: Iterable[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._firsts = frozenset(stop[0] for stop in self._stops)
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """Take more text; what certainly comes before any stop string."""
        if self.stopped:
            return ""
        if not self._held and self._firsts.isdisjoint(
            text
        ):  # as nearly every token of a stream: no stop string begins in it
            return text
        self._held += text
        found = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            return self._take(min(found))
        return self._take(len(self._held) - self._beginning())

    def finish(self) -> str:
        """What was held back because a stop string might have begun there."""
        return "" if self.stopped else self._take(len(self._held))

    def _take(self, count: int) -> str:
        text, self._held = self._held[:count], self._held[count:]
        return text

    def _beginning(self) -> int:
        """How much of the end may be the beginning of a stop string."""
        longest = max(map(len, self._stops), default=1)
        sizes = range(min(longest - 1, len(self._held)), 0, -1)
        return next((size for size in sizes if any(s.startswith(self._held[-size:]) for s in self._stops)), 0)
