"""The memory for keys and values: how much a batch may need, and which completions may start.

A completion starts only if the memory suffices for it and all running completions up to their last token. Therefore no completion is
ever evicted or restarted for lack of memory, and each waiting completion gets its turn when those before it end.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import NamedTuple

BLOCK = 64  # the step, in tokens, by which a batch's room for keys and values grows


class Row(NamedTuple):
    """The memory needs of a row of a batch."""

    stored: int
    """The number of tokens whose keys and values are stored."""
    steps: int
    """The maximum number of remaining steps; each stores one more token."""


def room(tokens: int) -> int:
    """The slots of each row of a batch whose longest row has `tokens` tokens."""
    return -(-tokens // BLOCK) * BLOCK


def most_slots(rows: Iterable[Row]) -> int:
    """The maximum number of slots that a batch of these rows needs until its last row ends, including padding and spare room.

    All rows are padded to the longest one, and every step makes them longer. The maximum is therefore reached just before a row ends.
    Rows that end early only reduce it.
    """
    most = longest = 0
    # In descending order of steps: when a row ends, the rows before it in this order are still running.
    for number, row in enumerate(sorted(rows, key=lambda row: row.steps, reverse=True), start=1):
        longest = max(longest, row.stored)
        most = max(most, number * room(longest + row.steps))
    return most


class KVMemory:
    """Memory that all models share, first come, first served: no completion starts before an earlier one that waits for memory.

    Args:
        size: the total number of bytes.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._tickets = count()
        self._held: dict[object, int] = {}
        self._blocked: dict[object, int] = {}

    def ticket(self) -> int:
        """A completion's place in the order of arrival; earlier completions have lower tickets."""
        return next(self._tickets)

    def hold(self, owner: object, size: int) -> None:
        """Set the total number of bytes that an owner may need."""
        self._held[owner] = size

    def grant(self, owner: object, size: int, ticket: int) -> bool:
        """Whether the owner may need `size` bytes. If not, owners with later tickets wait behind it until `withdraw`."""
        self._blocked.pop(owner, None)
        first = all(ticket < other for other in self._blocked.values())
        others = sum(held for holder, held in self._held.items() if holder is not owner)
        if first and others + size <= self.size:
            self._held[owner] = size
            return True
        self._blocked[owner] = ticket
        return False

    def withdraw(self, owner: object) -> None:
        """Let others proceed, because the owner no longer waits for memory."""
        self._blocked.pop(owner, None)
