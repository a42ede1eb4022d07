"""The matrix, some rows at a time: all of them with both clients, every third over a user's httpx client.

`make faults` runs all four kinds of client, and prints it.
"""

from __future__ import annotations

import pytest

from core._api import EVERY, OWN
from reliability._matrix import run
from reliability._odd_faults import FAULTS

AT_ONCE = 8
NAMES = list(FAULTS)
ROWS = [(NAMES[start : start + AT_ONCE], OWN) for start in range(0, len(NAMES), AT_ONCE)]
ROWS += [(NAMES[start :: 3 * 4], ("sync-httpx", "async-httpx")) for start in range(0, 12, 3)]


@pytest.mark.parametrize(("names", "kinds"), ROWS, ids=lambda value: f"{value[0]}..{value[-1]}")
def test_every_cell_is_as_expected_and_leaves_nothing_behind(names, kinds, fault_server):
    assert set(kinds) <= set(EVERY)
    cells, left = run(fault_server, names, kinds)
    assert [str(cell) for cell in cells if not cell.expected] == []
    assert (left.files, left.threads, left.tasks) == (0, 0, 0)
    assert len(cells) == sum(len(FAULTS[name].operations) * len(set(kinds) & {*FAULTS[name].kinds}) for name in names)
