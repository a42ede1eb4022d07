"""A text ends at its stop strings in one way, whoever generates it and however it is cut into pieces."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmengine_integrations._shared.stops import StopFilter


def expected(text: str, stops: Sequence[str], *, include: bool = False) -> tuple[str, bool]:
    """Read character by character until some stop string is complete; the longest of those that are ends the text."""
    for end in range(1, len(text) + 1):
        complete = [stop for stop in stops if stop and text[:end].endswith(stop)]
        if complete:
            return text[: end if include else end - max(map(len, complete))], True
    return text, False


def cut_at(text: str, cuts: Sequence[int]) -> list[str]:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(edges)]


def filtered(parts: Sequence[str], stops: Sequence[str], *, include: bool = False) -> tuple[str, bool]:
    stop_filter = StopFilter(stops, include_stop=include)
    return "".join([*map(stop_filter.push, parts), stop_filter.finish()]), stop_filter.stopped


TEXTS = st.text(alphabet="ab\n", max_size=12)
STOPS = st.lists(st.text(alphabet="ab\n", max_size=4), max_size=4)
CUTS = st.lists(st.integers(0, 12), max_size=6)


@settings(max_examples=500)
@given(TEXTS, CUTS, STOPS, st.booleans())
@example("xxabcdyy", [], ["abcd", "c"], False)  # the stop string that begins later is complete first
@example("a\n###b", [], ["\n###", "###"], True)  # both are complete at once
@example("aab", [1, 2], ["ab", "aaa"], False)  # the beginning that is given up holds another beginning
@example("babb", [1, 2, 3], ["babab", "bb"], False)
@example("ab", [], ["", "b"], False)
def test_the_result_does_not_depend_on_the_pieces(text, cuts, stops, include):
    wanted = expected(text, stops, include=include)
    assert filtered(cut_at(text, cuts), stops, include=include) == wanted
    assert filtered([text], stops, include=include) == wanted
    assert filtered(list(text), stops, include=include) == wanted


@given(TEXTS, CUTS, STOPS)
def test_what_may_begin_a_stop_string_is_held_back_and_nothing_else(text, cuts, stops):
    stop_filter, seen, passed = StopFilter(stops), "", ""
    for part in cut_at(text, cuts):
        seen, passed = seen + part, passed + stop_filter.push(part)
        before, ended = expected(seen, stops)
        held = next((seen[at:] for at in range(len(seen)) if any(stop.startswith(seen[at:]) for stop in stops)), "")
        assert passed == (before if ended else seen.removesuffix(held))


def test_an_end_lets_go_of_what_was_held_back_once():
    stop_filter = StopFilter(["END"])
    assert [stop_filter.push("one EN"), stop_filter.finish(), stop_filter.finish()] == ["one ", "EN", ""]
    assert not stop_filter.stopped


LONG = 20_000


@pytest.mark.parametrize(
    ("text", "stops"),
    [
        ("a" * LONG, ["a" * LONG + "b"]),
        (("a" * 99 + "b") * (LONG // 100), ["a" * LONG]),
        ("a" * LONG, ["a" * size + "b" for size in range(200)]),
        ("a" * LONG, [f"{'a' * 20}{number}" for number in range(LONG)]),
        ("ab" * (LONG // 2), ["ab" * LONG]),
    ],
    ids=["long", "begun often", "nested", "many", "two letters"],
)
@pytest.mark.parametrize("size", [1, LONG])
def test_the_work_is_linear_in_text_and_stops(text, stops, size, work_of):
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    assert work_of(lambda: filtered(parts, stops)) <= 20 * (len(text) + sum(map(len, stops)))


def test_no_more_of_a_long_stop_is_unfolded_than_the_text_reaches(work_of):
    assert work_of(lambda: filtered(list("xyz" * 10), ["x" * 10_000_000, "z" * 10_000_000])) < 2_000
