"""Keys and values stay within their memory, and everybody gets a turn."""

from __future__ import annotations

import random
import weakref

import pytest

from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH, EngineConfig
from llmengine_integrations.engine.runtime.generation import Generation, GenerationError, GenerationRequest
from llmengine_integrations.engine.runtime.torch_runtime.kv_memory import BLOCK, KVMemory, Row, most_slots, room
from llmengine_integrations.engine.runtime.torch_runtime.lane import Lane

from .fakes import FakeBatch, fake_lane

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = pytest.mark.engine

from llmengine_integrations.engine.runtime.torch_runtime import kv_cache  # noqa: E402 - after importorskip
from llmengine_integrations.engine.runtime.torch_runtime.loading.loaded_model import LoadedModel, prepare  # noqa: E402
from llmengine_integrations.engine.runtime.torch_runtime.running_batch import RunningBatch  # noqa: E402


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    prepare(EngineConfig(threads=1))
    return LoadedModel.load(DEFAULT_MODEL_PATH, torch.device("cpu"))


def written(lane, generations):
    """Enqueue them and turn until nothing is left; what became of each, in order: its text, or its error."""
    pieces, errors = {id(generation): [] for generation in generations}, {}
    for generation in generations:
        lane.enqueue(generation)
    while lane.busy:
        for generation, more, error in lane.turn():
            pieces[id(generation)] += more
            if error is not None:
                errors[id(generation)] = error
    return [
        errors.get(id(generation)) or "".join(piece.text for piece in pieces[id(generation)])
        for generation in generations
    ]


def asked(prompt: str, max_new_tokens: int | None, **fields: object) -> Generation:
    return Generation(
        GenerationRequest(prompt=prompt, max_new_tokens=max_new_tokens, incremental=True, ignore_end=True, **fields)
    )


def test_the_most_that_a_batch_takes():
    """Against a batch that is stepped to its end."""
    draw = random.Random(1)  # noqa: S311 - test data
    for _ in range(300):
        rows = [Row(draw.randint(1, 300), draw.randint(0, 200)) for _ in range(draw.randint(1, 8))]
        most = 0
        for step in range(201):
            running = [row for row in rows if row.steps >= step]
            longest = max((row.stored + step for row in running), default=0)
            most = max(most, len(running) * room(longest))
        assert most_slots(rows) == most


@pytest.mark.parametrize("blocks", [6, 10, 23])
def test_real_tensors_never_take_more_than_the_cap(model, monkeypatch, blocks):
    """Joins, growth and leaving included: whatever is alive at any moment, measured where it is taken."""
    memory = KVMemory(blocks * BLOCK * model.causal_lm.slot_size)
    alive, most = 0, 0
    original = kv_cache._buffer

    def counted(*args, **kwargs):
        nonlocal alive, most
        buffer = original(*args, **kwargs)
        alive += buffer.nbytes
        most = max(most, alive)

        def freed(size=buffer.nbytes):
            nonlocal alive
            alive -= size

        weakref.finalize(buffer, freed)
        return buffer

    draw = random.Random(blocks)  # noqa: S311 - test data
    requests = [("a " * draw.randint(1, 120), draw.randint(1, 150)) for _ in range(14)]
    alone = [written(lane_of(model), [asked(*request)])[0] for request in requests]
    monkeypatch.setattr(kv_cache, "_buffer", counted)
    lane = lane_of(model, memory)
    assert written(lane, [asked(*request) for request in requests]) == alone
    assert memory.size / 3 < most <= memory.size
    assert sum(memory._held.values()) == 0
    lane._batch.clear()
    assert alive == 0


def lane_of(model: LoadedModel, memory: KVMemory | None = None, max_batch_size: int = 16) -> Lane:
    return Lane(model, RunningBatch(model.causal_lm), max_batch_size=max_batch_size, memory=memory or KVMemory(10**9))


def test_those_that_do_not_fit_wait_in_order():
    lane = fake_lane(FakeBatch(text="x" * 1000), memory=KVMemory(4 * BLOCK))
    # 3 blocks, 3 blocks, 1 block: the last would fit beside the first and does not overtake
    generations = [asked("x", 3 * BLOCK - 1), asked("x", 3 * BLOCK - 2), asked("x", BLOCK - 1)]
    for generation in generations:
        lane.enqueue(generation)
    ends = []
    while lane.busy:
        running = len(lane._active)
        for generation, pieces, error in lane.turn():
            assert error is None
            if pieces[-1].finished:
                ends.append((generations.index(generation), running))
    assert ends == [(0, 1), (2, 2), (1, 1)]


def test_one_that_can_never_fit_is_refused_with_the_reason():
    lane = fake_lane(FakeBatch(text="x" * 1000), memory=KVMemory(2 * BLOCK + 5))
    generations = [asked("x" * 9, 120), asked("x" * 9, 119), asked("x" * 300, None), asked("x" * 9, None)]
    refused, fits, hopeless, cut = written(lane, generations)
    assert (refused.status_code, hopeless.status_code) == (400, 400)
    assert "memory has room for 128 tokens, and prompt and completion may take 129." in refused.message
    assert (fits, cut) == ("x" * 119, "x" * 119)  # without a number: as many as there is room for


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_one_that_waits_for_memory_can_go(how):
    lane = fake_lane(FakeBatch(text="x" * 1000), memory=KVMemory(2 * BLOCK))
    first, second, third = asked("x", 100), asked("x", 2 * BLOCK - 1), asked("x", 50)
    for generation in (first, second, third):
        lane.enqueue(generation)
    lane.turn()
    assert (lane.num_waiting, len(lane._active)) == (2, 1)
    if how == "failed":
        lane.fail(GenerationError(503))
        assert (lane.num_waiting, lane.busy) == (0, False)
        assert written(lane, [third]) == ["x" * 50]
    else:
        second.cancel()
        lane.turn()
        assert (lane.num_waiting, len(lane._active)) == (0, 2)


def test_models_share_the_memory_and_none_starves():
    memory = KVMemory(4 * BLOCK)
    busy, other = (fake_lane(FakeBatch(text="x" * 1000), memory=memory) for _ in range(2))
    small = [asked("x", 20 + number % 4 * 12) for number in range(40)]  # they end one by one: the memory is never empty
    for generation in small[:4]:
        busy.enqueue(generation)
    busy.turn()
    large = asked("x", 4 * BLOCK - 1)
    other.enqueue(large)
    for generation in small[4:]:
        busy.enqueue(generation)
    ended = []
    while busy.busy or other.busy:
        for lane in (busy, other):
            for generation, pieces, error in lane.turn() if lane.busy else ():
                assert error is None
                if pieces[-1].finished:
                    ended.append(generation)
        assert sum(memory._held.values()) <= memory.size
    assert ended.index(large) == 4  # after those that came before it, ahead of those that came later
    assert len(ended) == 41


def test_nobody_waits_behind_one_that_has_gone():
    memory = KVMemory(4 * BLOCK)
    lane, other = (fake_lane(FakeBatch(text="x" * 1000), memory=memory) for _ in range(2))
    large, later = asked("x", 4 * BLOCK - 1), asked("x", 20)
    lane.enqueue(asked("x", 3 * BLOCK - 1))
    lane.turn()
    other.enqueue(large)
    other.turn()
    lane.enqueue(later)
    lane.turn()
    assert (other.num_waiting, lane.num_waiting) == (1, 1)
    large.cancel()
    other.turn()
    lane.turn()
    assert (other.busy, lane.num_waiting, len(lane._active)) == (False, 0, 2)
