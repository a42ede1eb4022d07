"""The scheduler with a real model: base, adapters, constraints and clients that leave, all at the same time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

import pytest

from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH, EngineConfig
from llmengine_integrations.engine.runtime.generation import (
    Generation,
    GenerationError,
    GenerationRequest,
    SamplingParams,
)
from llmengine_integrations.engine.runtime.runtime import QueueFullError
from llmengine_integrations.engine.runtime.torch_runtime.kv_memory import BLOCK
from llmengine_integrations.engine.runtime.torch_runtime.lane import Lane
from llmengine_integrations.engine.runtime.torch_runtime.loading.lanes import load_lanes
from llmengine_integrations.engine.runtime.torch_runtime.scheduler import Scheduler

from .adapter_folders import write_adapter
from .fakes import FakeBatch, fake_lane

pytest.importorskip("torch")
pytest.importorskip("peft")
pytestmark = pytest.mark.engine

from llmengine_integrations.engine.runtime.constraint_checks import choice_constraint, json_object_constraint  # noqa: E402

BASE = "llmengine-tiny"
NAMES = [BASE, "first", "second", BASE]
CONSTRAINTS = [None, None, choice_constraint(["red", "green", "blue"]), None, json_object_constraint()]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("adapters")
    return {name: write_adapter(root / name, seed, strength=0.2) for seed, name in enumerate(("first", "second"))}


@pytest.fixture(scope="module")
def lanes() -> dict[str, Lane]:
    """One model, with memory for about five of the completions below."""
    config = EngineConfig(models={BASE: DEFAULT_MODEL_PATH}, threads=1, kv_memory=16 * BLOCK * 6400)
    return load_lanes(config)


@asynccontextmanager
async def scheduled(lanes, *, max_waiting: int = 1000) -> AsyncIterator[Scheduler]:
    scheduler, ready = Scheduler(lambda: lanes, max_waiting=max_waiting), asyncio.Event()
    scheduler.start(ready.set, lambda error: pytest.fail(str(error)))
    try:
        yield scheduler
    finally:
        scheduler.stop()
        assert await asyncio.to_thread(scheduler.join, 20)


def asked(number: int) -> GenerationRequest:
    return GenerationRequest(
        prompt="Maria lives in Valencia. " * (1 + number % 7) + f"Question {number}:",
        max_new_tokens=10 + number * 13 % 60,
        sampling=SamplingParams(temperature=0.0 if number % 3 else 0.8, seed=number),
        constraint=CONSTRAINTS[number % len(CONSTRAINTS)],
        incremental=number % 2 == 0,
    )


async def text_of(generation: Generation) -> str:
    pieces = []
    while not pieces or not pieces[-1].finished:
        pieces += await generation.take()
    return "".join(piece.text for piece in pieces)


async def complete(scheduler: Scheduler, number: int) -> str:
    generation = Generation(asked(number))
    scheduler.submit(NAMES[number % len(NAMES)], generation)
    return await text_of(generation)


async def leave_early(scheduler: Scheduler, number: int) -> None:
    """A client that goes away: some while they wait, some in the middle."""
    generation = Generation(asked(number))
    scheduler.submit(NAMES[number % len(NAMES)], generation)
    if number % 2 == 0:
        await generation.take()
    generation.cancel()


async def test_forty_at_once_get_what_they_get_alone(lanes, folders):
    async with scheduled(lanes) as scheduler:
        for name, folder in folders.items():
            await scheduler.load_adapter(name, base=BASE, folder=folder)
        assert scheduler.describe("first").device == scheduler.describe(BASE).device == "cpu"
        alone = [await complete(scheduler, number) for number in range(40)]
        assert len(set(alone)) > 20
        leaving = [leave_early(scheduler, number) for number in range(12)]
        together = await asyncio.gather(*(complete(scheduler, number) for number in range(40)), *leaving)
        assert together[:40] == alone
        again = await asyncio.gather(*(complete(scheduler, number) for number in reversed(range(40))))
        assert again[::-1] == alone
        for name in folders:
            await scheduler.unload_adapter(name)


async def test_adapters_come_and_go_between_two_tokens(lanes, folders):
    async with scheduled(lanes) as scheduler:
        base = Generation(GenerationRequest(prompt="Hello", max_new_tokens=100, ignore_end=True))
        scheduler.submit(BASE, base)
        loading = [scheduler.load_adapter(name, base=BASE, folder=folder) for name, folder in folders.items()]
        await asyncio.gather(*loading)
        long = GenerationRequest(prompt="Hello", max_new_tokens=800, ignore_end=True, incremental=True)
        ending, staying = Generation(long), Generation(GenerationRequest(prompt="Hello", max_new_tokens=50))
        scheduler.submit("first", ending)
        scheduler.submit("second", staying)
        await ending.take()
        await scheduler.unload_adapter("first")
        with pytest.raises(GenerationError, match="The model first is not served any more") as caught:
            await text_of(ending)
        assert caught.value.status_code == 404
        late = Generation(long)
        scheduler.submit("first", late)
        with pytest.raises(GenerationError, match="The model first is not served any more"):
            await late.take()
        assert scheduler.describe("first") is None
        assert await text_of(staying)
        assert await text_of(base)
        await scheduler.unload_adapter("first")
        await scheduler.unload_adapter("second")


async def test_adapters_that_cannot_be_loaded(lanes, folders, tmp_path):
    async with scheduled(lanes) as scheduler:
        for name, base, folder, reason in (
            ("a", BASE, tmp_path, "holds no adapter_config.json"),
            (BASE, BASE, folders["first"], "is the name of a model"),
            ("a", "nobody", folders["first"], "nobody is not a served model"),
        ):
            with pytest.raises(ValueError, match=reason):
                await scheduler.load_adapter(name, base=base, folder=folder)
        assert await complete(scheduler, 0)
    with pytest.raises(GenerationError, match="shutting down"):
        await scheduler.load_adapter("a", base=BASE, folder=folders["first"])


async def test_an_adapter_waits_for_the_models_and_hears_of_the_end():
    go_on = threading.Event()
    scheduler = Scheduler(lambda: go_on.wait(20) and {}, max_waiting=10)
    scheduler.start(lambda: None, lambda _: None)
    waiting = asyncio.create_task(scheduler.load_adapter("a", base="b", folder=DEFAULT_MODEL_PATH))
    await asyncio.sleep(0)
    scheduler.stop()
    with pytest.raises(GenerationError, match="shutting down"):
        await waiting
    go_on.set()
    assert await asyncio.to_thread(scheduler.join, 10)


async def test_those_who_left_while_they_waited_do_not_fill_the_queue():
    lane = fake_lane(FakeBatch(text="x" * 100_000, delay=0.001), context_length=10**6, max_batch_size=1)
    async with scheduled({"m": lane}, max_waiting=3) as scheduler:
        endless = Generation(GenerationRequest(prompt="x", max_new_tokens=90_000, incremental=True))
        scheduler.submit("m", endless)
        await endless.take()
        waiting = [Generation(GenerationRequest(prompt="x", max_new_tokens=3)) for _ in range(3)]
        for generation in waiting:
            scheduler.submit("m", generation)
        with pytest.raises(QueueFullError):
            scheduler.submit("m", Generation(GenerationRequest(prompt="x", max_new_tokens=3)))
        for generation in waiting:
            generation.cancel()
        await endless.take()
        await endless.take()
        for _ in range(3):
            scheduler.submit("m", Generation(GenerationRequest(prompt="x", max_new_tokens=3)))


async def test_nor_those_who_left_while_the_models_were_loading():
    go_on = threading.Event()
    lane = fake_lane(FakeBatch())
    scheduler = Scheduler(lambda: go_on.wait(20) and {"m": lane}, max_waiting=2)
    scheduler.start(lambda: None, lambda _: None)
    generations = [Generation(GenerationRequest(prompt="x", max_new_tokens=3)) for _ in range(3)]
    for generation in generations[:2]:
        scheduler.submit("m", generation)
    with pytest.raises(QueueFullError):
        scheduler.submit("m", generations[2])
    generations[0].cancel()
    scheduler.submit("m", generations[2])
    go_on.set()
    assert [await text_of(generation) for generation in generations[1:]] == ["abc", "abc"]
    scheduler.stop()
    assert await asyncio.to_thread(scheduler.join, 10)


async def test_a_turn_that_breaks_fails_its_completions_and_the_thread_goes_on(monkeypatch, caplog):
    lane = fake_lane(FakeBatch())
    turns = iter([_break, lane.turn, lane.turn, lane.turn])
    monkeypatch.setattr(lane, "turn", lambda: next(turns)())  # noqa: PLW0108 - another one each time
    async with scheduled({"m": lane}) as scheduler:
        generations = [Generation(GenerationRequest(prompt="x", max_new_tokens=3)) for _ in range(2)]
        scheduler.submit("m", generations[0])
        with pytest.raises(GenerationError) as caught:
            await text_of(generations[0])
        assert caught.value.status_code == 500
        scheduler.submit("m", generations[1])
        assert await text_of(generations[1]) == "abc"
    assert "a turn failed" in caplog.text


def _break() -> NoReturn:
    raise ZeroDivisionError
