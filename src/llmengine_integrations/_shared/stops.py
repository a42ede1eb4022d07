"""Ends a text at its stop strings: the engine's own text, and the text of servers that support few of them or none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class StopFilter:
    """Passes on a growing text, up to the first stop string. How the text is split into pieces makes no difference.

    The stop string that is complete first ends the text. If several are complete at the same character, the longest does. Text that may be
    the beginning of a stop string is held back until the next pieces decide; all other text is passed on at once. The time is linear in the
    length of the text and of the stop strings, however many there are.

    Args:
        stops: The stop strings; empty ones are ignored.
        include_stop: Whether the text keeps the stop string that ended it.

    Attributes:
        stopped: Whether a stop string has ended the text. Nothing comes after that.
    """

    def __init__(self, stops: Iterable[str], *, include_stop: bool = False) -> None:
        wanted = [stop for stop in stops if stop]
        self._none = self._held = _Beginning(wanted, 0, None) if wanted else _NOTHING
        self._include_stop = include_stop
        self.stopped = False

    def push(self, text: str) -> str:
        """Add more text, and return what now certainly comes before any stop string."""
        if self.stopped or self._none is _NOTHING:
            return "" if self.stopped else text
        before = held = self._held
        if held is self._none and held.longer.keys().isdisjoint(text):  # true of nearly every token
            return text
        for count, character in enumerate(text, start=1):
            held = held.longer.get(character) or held.followed_by(character)
            if held.completed:
                self.stopped, self._held = True, self._none
                return before.text_with(text, before.length + count - (0 if self._include_stop else held.completed))
        self._held = held
        return before.text_with(text, before.length + len(text) - held.length)

    def finish(self) -> str:
        """Return the text that is still held back, because it did not become a stop string."""
        held, self._held = self._held, self._none
        return held.text_with("", held.length)


class _Beginning:
    """A beginning of one or more stop strings: a state of the Aho-Corasick automaton, created when a text first reaches it.

    Attributes:
        length: The number of its characters.
        completed: The length of the longest stop string that it ends with; 0 if it ends with none.
        continuations: The stop strings that continue it, by the next character.
        longer: The beginnings with one more character that have been reached, by that character.
        shorter: The longest other beginning that this one ends with; None for the empty beginning.
    """

    __slots__ = ("_stop", "completed", "continuations", "length", "longer", "shorter")

    def __init__(self, stops: Sequence[str], length: int, shorter: _Beginning | None) -> None:
        self._stop = stops[0] if stops else ""
        self.shorter = shorter
        self.length = length
        self.longer: dict[str, _Beginning] = {}
        self.continuations: dict[str, list[str]] = {}
        self.completed = 0 if shorter is None else shorter.completed
        for stop in stops:
            if len(stop) == length:
                self.completed = length
            else:
                self.continuations.setdefault(stop[length], []).append(stop)
        if shorter is None:
            self.longer = {first: _Beginning(stops, 1, self) for first, stops in self.continuations.items()}

    def followed_by(self, character: str) -> _Beginning:
        """Return the longest beginning that this one, extended by the next character, ends with."""
        unreached = list[_Beginning]()
        place = self
        while character not in place.longer and place.shorter is not None:
            if character in place.continuations:
                unreached.append(place)
            place = place.shorter
        found = place.longer.get(character, place)  # without such a continuation, `place` is the empty beginning
        for beginning in reversed(unreached):
            stops = beginning.continuations[character]
            found = beginning.longer[character] = _Beginning(stops, beginning.length + 1, found)
        return found

    def text_with(self, following: str, count: int) -> str:
        """Return the first characters of this beginning followed by the text."""
        if count <= self.length:
            return self._stop[:count]
        return self._stop[: self.length] + following[: count - self.length]


_NOTHING = _Beginning([], 0, None)
"""The state of a filter that has no stop strings."""
