from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmengine_integrations.engine.runtime.torch_runtime.detokenizer import (
    CompletionText,
    Detokenizer,
    WholeText,
)


def decode_bytes(ids: Sequence[int]) -> str:
    """A byte-level tokenizer with one byte per token."""
    return bytes(ids).decode(errors="replace")


def decode_words(ids: Sequence[int]) -> str:
    """A tokenizer whose decoder drops the space that begins a text, as sentencepiece does."""
    return "".join([" the", " sky", "is", " ", ""][token] for token in ids).removeprefix(" ")


def pieces_of(decode, ids, context=()):
    detokenizer = Detokenizer(decode, context)
    return [*(detokenizer.push(token) for token in ids), detokenizer.finish()]


@given(st.text())
def test_pieces_are_whole_characters_and_join_to_the_text(text):
    pieces = pieces_of(decode_bytes, text.encode())
    assert "".join(pieces) == text
    if "\ufffd" not in text:
        assert not any("\ufffd" in piece for piece in pieces)


@given(st.text(), st.text())
def test_context_is_not_repeated(before, text):
    assert "".join(pieces_of(decode_bytes, text.encode(), before.encode())) == text


@given(st.lists(st.integers(0, 4)))
def test_a_leading_space_belongs_to_its_token_behind_a_prompt(ids):
    pieces = pieces_of(decode_words, ids, context=[2])
    assert "".join(pieces) == decode_words([2, *ids])[len("is") :]


@given(st.lists(st.integers(0, 255)))
def test_bytes_that_are_no_text_lose_nothing(ids):
    assert "".join(pieces_of(decode_bytes, ids)) == decode_bytes(ids)


def test_an_incomplete_character_is_held():
    assert pieces_of(decode_bytes, "é!".encode()) == ["", "é", "!", ""]


def test_a_character_cut_by_the_end_is_still_reported():
    assert pieces_of(decode_bytes, "é".encode()[:1]) == ["", "\ufffd"]


@given(st.text(), st.text())
def test_all_of_a_text_at_once_is_what_its_pieces_join_to(before, text):
    whole = WholeText(decode_bytes, before.encode())
    assert [whole.push(token) for token in text.encode()] == [""] * len(text.encode())
    assert whole.finish() == text


@given(st.lists(st.integers(0, 4)))
def test_as_with_a_leading_space(ids):
    completion = CompletionText(decode_words, [2], at_once=True)
    assert "".join(map(completion.push, ids)) == ""
    assert completion.finish() == "".join(pieces_of(decode_words, ids, context=[2]))


def test_a_stop_sequence_is_found_at_once_all_the_same():
    completion = CompletionText(decode_bytes, stops=["b"], at_once=True)
    assert [completion.push(token) for token in b"ab"] == ["a", ""]
    assert completion.stopped


@pytest.mark.parametrize(("include", "text"), [(False, "one "), (True, "one two")])
def test_a_stop_sequence_over_several_tokens(include, text):
    completion = CompletionText(decode_bytes, stops=["two"], include_stop=include)
    pieces = [completion.push(token) for token in b"one two three" if not completion.stopped]
    assert "".join(pieces) + completion.finish() == text
    assert pieces[4:6] == ["", ""]
    assert completion.stopped


def test_a_stop_sequence_may_end_inside_a_token():
    completion = CompletionText(lambda ids: "".join(["x. And", " then"][token] for token in ids), stops=["."])
    assert completion.push(0) == "x"
    assert completion.stopped
    assert completion.finish() == ""


def test_text_held_for_a_stop_sequence_comes_at_the_end():
    completion = CompletionText(decode_bytes, stops=["abc"])
    assert [completion.push(token) for token in b"xab"] == ["x", "", ""]
    assert completion.finish() == "ab"


def test_a_stop_sequence_of_several_bytes_per_character():
    completion = CompletionText(decode_bytes, stops=["東京"])
    assert "".join(completion.push(token) for token in "in 東京 now".encode() if not completion.stopped) == "in "
    assert completion.stopped
