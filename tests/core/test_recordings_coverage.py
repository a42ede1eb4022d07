"""No recording is forgotten: each is played, or stands in the list of those that are not, with the reason.

`pytest -v` on this file prints the table: every operation of the gateway with every status that was recorded.
"""

from __future__ import annotations

import pytest

from recordings.coverage import OPERATIONS, entries, matches, table
from recordings.rows import ROWS
from recordings.tape import PATHS

PLAYED = {row.recording for row in ROWS}


@pytest.mark.parametrize(
    ("key", "recordings"),
    table().items(),
    ids=[
        f"{operation} {status}: {' + '.join(sorted(map(str, {*found.values()})))}"
        for (operation, status), found in table().items()
    ],
)
def test_operation_with_status(key: tuple[str, int], recordings: dict[str, str | None]) -> None:
    orphans = [name for name, state in recordings.items() if state is None]
    assert not orphans, "Add rows for these, or list them in recordings/unplayed.py with the reason."


def test_every_operation_is_recorded() -> None:
    assert {operation for operation, _ in table()} >= set(OPERATIONS)
    assert len(OPERATIONS) == 25


def test_every_row_has_a_cassette() -> None:
    assert PLAYED | {name for row in ROWS for name in row.first} <= set(PATHS)


def test_rows_differ() -> None:
    names = [str(row) for row in ROWS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("reason", "pattern"), list(entries()), ids=lambda value: value)
def test_what_is_listed_as_unplayed_is_there_and_unplayed(reason: str, pattern: str) -> None:
    meant = {name for name in PATHS if matches(pattern, name)}
    assert meant, "This names no recording."
    assert not meant & PLAYED, "A row plays these: take them off the list."


def test_reasons_do_not_overlap() -> None:
    for name in PATHS:
        assert len([pattern for _, pattern in entries() if matches(pattern, name)]) <= 1, name
