from __future__ import annotations

import pytest

from llmengine_integrations.engine.runtime.generation import Generation, GenerationError, GenerationRequest

from .fakes import FakeBatch, fake_lane


def pieces_of(lane, **fields):
    """What one completion brings, and the error that ended it."""
    generation = Generation(GenerationRequest(**{"prompt": "0123456789", "max_new_tokens": 100} | fields))
    lane.enqueue(generation)
    pieces, error = [], None
    while lane.busy:
        for delivery in lane.turn():
            pieces += delivery.pieces
            error = delivery.error
    return pieces, error


def text_of(lane, **fields):
    return "".join(piece.text for piece in pieces_of(lane, **fields)[0])


def test_a_completion_ends_where_the_context_ends():
    lane = fake_lane(FakeBatch(text="x" * 100), context_length=20)
    pieces, _ = pieces_of(lane, incremental=True)
    assert (len(pieces), pieces[-1].num_prompt_tokens, pieces[-1].finished) == (9, 11, True)


def test_a_prompt_needs_room_for_one_token():
    assert text_of(fake_lane(FakeBatch(text="xyz"), context_length=12)) == "x"
    pieces, error = pieces_of(fake_lane(FakeBatch(), context_length=11))
    assert (pieces, error.status_code) == ([], 400)
    assert "maximum context length is 11 tokens" in error.message


def test_one_token_needs_no_step():
    batch = FakeBatch(text="xyz")
    assert text_of(fake_lane(batch), max_new_tokens=1) == "x"
    assert batch.steps == 0


def test_special_tokens_are_skipped_unless_kept():
    lane = fake_lane(FakeBatch(text="a\x01b"))
    assert text_of(lane) == "ab"
    assert text_of(lane, skip_special_tokens=False) == "a\x01b"


def test_the_end_token_counts_and_has_no_text():
    pieces, _ = pieces_of(fake_lane(FakeBatch(text="ab")), log_probs=True, skip_special_tokens=False)
    assert [piece.text for piece in pieces] == ["a", "b", ""]
    assert pieces[-1].num_tokens == 3
    assert pieces[0].token == "a"


def test_text_that_was_held_comes_with_the_last_piece():
    lane = fake_lane(FakeBatch(text="abcab"))
    pieces, _ = pieces_of(lane, stop_sequences=("abx",), incremental=True)
    assert [piece.text for piece in pieces] == ["", "", "abc", "", "", "ab"]


def test_nothing_is_delivered_before_the_end_unless_asked_for():
    lane = fake_lane(FakeBatch(text="abc"))
    lane.enqueue(Generation(GenerationRequest(prompt="x", max_new_tokens=3)))
    assert [len(delivery.pieces) for _ in range(5) for delivery in lane.turn()] == [1]


def test_a_prompt_that_the_model_fails_on_leaves_the_others_alone():
    batch = FakeBatch(text="abcdef")
    lane = fake_lane(batch)
    lane.enqueue(Generation(GenerationRequest(prompt="x", max_new_tokens=6, incremental=True)))
    lane.turn()
    batch.fail_at = 0
    failing = Generation(GenerationRequest(prompt="y", max_new_tokens=3))
    lane.enqueue(failing)
    deliveries = lane.turn()
    assert [(delivery.generation is failing, delivery.error is None) for delivery in deliveries] == [
        (True, False),
        (False, True),
    ]
    assert lane.busy


def enqueue(lane, *prompts, **fields):
    generations = [Generation(GenerationRequest(**{"prompt": p, "max_new_tokens": 3} | fields)) for p in prompts]
    for generation in generations:
        lane.enqueue(generation)
    return generations


def test_one_prompt_is_refused_at_a_time():
    """Finding out that it is too long may take long, and the other choices of its request are given up when that is told."""
    lane = fake_lane(FakeBatch(text="xyz"), context_length=50)
    enqueue(lane, "a", "b" * 60, "b" * 60, "c")
    assert [sum(delivery.error is not None for delivery in lane.turn()) for _ in range(3)] == [1, 1, 0]


def test_prompts_of_like_length_are_read_together():
    batch = FakeBatch(text="xyz")
    lane = fake_lane(batch)
    enqueue(lane, "a" * 9, "a" * 50, "a" * 19, "a", "a" * 90)  # and a token that begins every prompt
    assert len(lane.turn()) == 0
    assert batch.read == [[2], [10, 20], [51, 91]]
    assert len(lane._active) == 5


def test_not_more_is_read_between_two_tokens_than_streams_can_wait_for():
    batch = FakeBatch(text="x" * 20)
    lane = fake_lane(batch)
    enqueue(lane, "a" * 2000, "a" * 600, "a" * 399, "a" * 399, max_new_tokens=9)
    for _ in range(3):
        lane.turn()
    assert batch.read == [[2001], [400, 601], [400]]


def test_a_prompt_that_the_model_fails_on_leaves_those_read_with_it_alone():
    lane = fake_lane(FakeBatch(text="xyz", poison=ord("!")))
    first, poisoned, last = enqueue(lane, "one", "two!", "three", incremental=True)
    deliveries = lane.turn()
    assert [delivery.generation for delivery in deliveries if delivery.error] == [poisoned]
    assert {id(delivery.generation) for delivery in deliveries if delivery.pieces} == {id(first), id(last)}
    assert not {id(first), id(last)} - {id(sequence.generation) for sequence in lane._active}


def test_a_whole_text_comes_in_one_piece_unless_its_tokens_are_wanted():
    assert [piece.text for piece in pieces_of(fake_lane(FakeBatch()))[0]] == ["abc"]
    assert [piece.text for piece in pieces_of(fake_lane(FakeBatch()), stop_sequences=("c",))[0]] == ["ab"]
    assert [piece.text for piece in pieces_of(fake_lane(FakeBatch()), echo=True)[0]] == ["0123456789abc"]
    assert len(pieces_of(fake_lane(FakeBatch()), log_probs=True)[0]) == 4


def test_giving_up_tells_everyone():
    lane = fake_lane(FakeBatch(text="x" * 100), max_batch_size=1)
    generations = [Generation(GenerationRequest(prompt="x", max_new_tokens=50)) for _ in range(3)]
    for generation in generations:
        lane.enqueue(generation)
    lane.turn()
    error = GenerationError(503, "bye")
    assert [delivery.generation for delivery in lane.fail(error)] == generations
    assert not lane.busy


@pytest.mark.parametrize("count", [0, -1])
def test_less_than_one_token_is_refused(count):
    assert pieces_of(fake_lane(FakeBatch()), max_new_tokens=count)[1].status_code == 400


async def test_pieces_come_before_the_error_that_follows_them():
    generation = Generation(GenerationRequest(prompt="x", max_new_tokens=3))
    pieces, _ = pieces_of(fake_lane(FakeBatch(text="ab")))
    generation.deliver(pieces[:1], None)
    generation.deliver([], GenerationError(500))
    assert await generation.take() == pieces[:1]
    for _ in range(2):
        with pytest.raises(GenerationError):
            await generation.take()
