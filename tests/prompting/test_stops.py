"""Texts end at their stop strings, however they are cut into pieces."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmengine_integrations.prompting.stops import StopFilter

TEXTS = st.text(alphabet="ab\n", max_size=12)


@settings(max_examples=300)
@example("a\nUs\nUser: b", ["\nUser:"], 1)
@example("a\nUs\nUser: b", ["b", "\nUser"], 3)
@example("a\nUs", ["\nUser:"], 2)
@example("ab", ["", "b"], 1)
@given(TEXTS, st.lists(TEXTS, max_size=3), st.integers(1, 13))
def test_the_text_ends_at_the_first_stop_string_that_is_whole(text, stops, size):
    prefixes = [text[: end + size] for end in range(0, len(text), size)]
    places = [[place for stop in stops if stop and (place := prefix.find(stop)) >= 0] for prefix in prefixes]
    ended = [prefix[: min(found)] for prefix, found in zip(prefixes, places, strict=True) if found]
    stop_filter = StopFilter(stops)
    passed = [stop_filter.push(text[start : start + size]) for start in range(0, len(text), size)]
    assert "".join(passed) + stop_filter.finish() == (ended[0] if ended else text)
    assert stop_filter.stopped == bool(ended)


def test_only_what_may_be_a_stop_string_is_held_back():
    stop_filter = StopFilter(["\nuser:", "END"])
    passed = [stop_filter.push(piece) for piece in ("one", " E", "x\n", "us", "e two", "EN", "D three", "four")]
    assert passed == ["one", " ", "Ex", "", "\nuse two", "", "", ""]
    assert stop_filter.finish() == ""
