"""The memory for keys and values: how much a batch may come to take, and who may begin.

A completion begins only when everything that it and those in flight could need, written to their last token, fits. So none is ever
thrown out or started anew for want of memory, and each that waits gets its turn when those before it end.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import NamedTuple

BLOCK = 64  # tokens by which a batch's room for keys and values grows


class Row(NamedTuple):
    """A row of a batch, as far as memory is concerned."""

    stored: int
    """Tokens whose keys and values are kept."""
    steps: int
    """Steps that it can still take; each stores one more token."""


def room(tokens: int) -> int:
    """Slots that a batch's rows have each, when the longest holds so many tokens."""
    return -(-tokens // BLOCK) * BLOCK


def most_slots(rows: Iterable[Row]) -> int:
    """Slots that a batch of these rows has at most until its last row ends, padding and spare room included.

    All rows are padded to the longest, and every step makes them longer; so the most is reached when one is about to end. Rows that
    end early only make it less.
    """
    most = longest = 0
    # From the row with the most steps on: when one ends, those before it are still there.
    for number, row in enumerate(sorted(rows, key=lambda row: row.steps, reverse=True), start=1):
        longest = max(longest, row.stored)
        most = max(most, number * room(longest + row.steps))
    return most


class KVMemory:
    """Bytes that all models share. First come, first served: nobody begins before one that came earlier and waits for memory.

    Args:
        size: bytes for all.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._tickets = count()
        self._held: dict[object, int] = {}
        self._blocked: dict[object, int] = {}

    def ticket(self) -> int:
        """A completion's place among all; the earlier, the lower."""
        return next(self._tickets)

    def hold(self, owner: object, size: int) -> None:
        """Set what an owner may come to need in all."""
        self._held[owner] = size

    def grant(self, owner: object, size: int, ticket: int) -> bool:
        """Whether the owner may come to need so much; if not, those with later tickets wait behind it, until `withdraw`."""
        self._blocked.pop(owner, None)
        first = all(ticket < other for other in self._blocked.values())
        others = sum(held for holder, held in self._held.items() if holder is not owner)
        if first and others + size <= self.size:
            self._held[owner] = size
            return True
        self._blocked[owner] = ticket
        return False

    def withdraw(self, owner: object) -> None:
        """Let others pass: the owner does not wait for memory any more."""
        self._blocked.pop(owner, None)
