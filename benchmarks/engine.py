"""The embedded engine beside plain `generate` and transformers' continuous batching, all on the default model and one thread each.

Tokens a second of CPU time: of the engine's process, HTTP included, and of this one for the others. `make bench-engine`.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import asyncio
import json
import logging
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from operator import truediv
from pathlib import Path
from typing import Any

import _report
import psutil
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, ContinuousBatchingConfig, GenerationConfig

from llmengine_integrations import AsyncClient
from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH

TOKENS = 64
REPEATS = {1: 4, 8: 3, 16: 3, 32: 2}
SIZES = tuple(REPEATS)
WAITING = 16
PROBES = 30
PROMPTS = [f"Tell me about number {n} and the others." for n in range(10, 10 + max(SIZES))]
NAMES = ("engine, over HTTP", "`generate`", "continuous batching of transformers")

Speeds = dict[tuple[str, int], list[float]]
Waits = dict[str, list[float]]


def endless_model(folder: Path) -> Path:
    """The default model without an end token, so that everyone writes as many tokens."""
    copy = folder / "endless"
    shutil.copytree(DEFAULT_MODEL_PATH, copy)
    for name, end in (
        ("config", "eos_token_id"),
        ("generation_config", "eos_token_id"),
        ("tokenizer_config", "eos_token"),
    ):
        path = copy / f"{name}.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {end: None}))
    return copy


class Transformers:
    """The model without an engine."""

    def __init__(self, folder: Path) -> None:
        torch.set_num_threads(1)
        self._tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.convert_ids_to_tokens(0)
        self._model = self._load(folder)
        self._batching = self._load(folder)  # which changes its model's attention
        self._options = {"max_new_tokens": TOKENS, "do_sample": False, "pad_token_id": 0}

    def _load(self, folder: Path) -> Any:
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def generate(self, size: int) -> int:
        """Tokens written by one call of `generate`."""
        inputs = self._tokenizer(PROMPTS[:size], return_tensors="pt", padding=True)
        inputs.pop("token_type_ids", None)
        with torch.inference_mode():
            written = self._model.generate(**inputs, **self._options)
        return (written.shape[1] - inputs["input_ids"].shape[1]) * size

    def _continuous_options(self) -> dict[str, Any]:
        """Room for what is asked at once, and no more.

        Left to itself it takes 0.6 of the memory for keys and values, and fills a mask of all of them for every token of a batch: on
        a CPU that takes minutes.
        """
        return {
            "generation_config": GenerationConfig(**self._options, eos_token_id=-1),
            "continuous_batching_config": ContinuousBatchingConfig(
                num_blocks=max(SIZES) + 8, max_batch_tokens=512, max_requests_per_batch=max(SIZES)
            ),
        }

    def continuous(self, size: int) -> int:
        """Tokens written by one call of `generate_batch`."""
        inputs = self._tokenizer(PROMPTS[:size])["input_ids"]
        found = self._batching.generate_batch(inputs, persistent_manager=True, **self._continuous_options())
        return sum(len(one.generated_tokens) for one in found.values())

    def continuous_first_tokens(self, count: int) -> list[float]:
        """Milliseconds until the first token of a new request, again and again, while others are being served."""
        inputs, waits = self._tokenizer(PROMPTS[:WAITING])["input_ids"], list[float]()
        with self._batching.continuous_batching_context_manager(**self._continuous_options()) as manager:
            manager.add_requests(inputs, max_new_tokens=TOKENS)
            for _ in range(count):
                start = time.perf_counter()
                asked = manager.add_request(inputs[0], max_new_tokens=1)
                while manager.get_result().request_id != asked:
                    manager.add_request(inputs[0], max_new_tokens=TOKENS)
                waits.append((time.perf_counter() - start) * 1e3)
        return waits


async def complete(client: AsyncClient, size: int) -> int:
    """Tokens that the engine wrote for that many completions at once."""
    calls = (
        client.completions.create("endless", prompt, max_new_tokens=TOKENS, temperature=0) for prompt in PROMPTS[:size]
    )
    return sum(reply.output.num_completion_tokens or 0 for reply in await asyncio.gather(*calls))


async def first_token(client: AsyncClient) -> float:
    """Milliseconds until the first token of a new stream."""
    start = time.perf_counter()
    async with client.completions.stream("endless", PROMPTS[0], max_new_tokens=4, temperature=0) as events:
        await anext(events)
        return (time.perf_counter() - start) * 1e3


async def first_tokens(client: AsyncClient, count: int) -> list[float]:
    """The same, again and again, while others are being served."""
    busy = True

    async def load() -> None:
        while busy:
            await complete(client, 1)

    others = [asyncio.create_task(load()) for _ in range(WAITING)]
    await asyncio.sleep(0.5)
    waits = [await first_token(client) for _ in range(count)]
    busy = False
    await asyncio.gather(*others)
    return waits


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _speed(write: Callable[[], int], repeats: int, size: int) -> float:
    """Tokens a second of this process's CPU time."""
    start = time.process_time()
    _check(written := sum(write() for _ in range(repeats)), repeats, size)
    return written / (time.process_time() - start)


def _check(written: int, repeats: int, size: int) -> None:
    if written != repeats * size * TOKENS:
        raise SystemExit(f"{written} tokens were written, and {repeats * size * TOKENS} asked for.")


async def measure(folder: Path, rounds: int) -> tuple[Speeds, Waits]:
    """Tokens a CPU second by contender and batch, and milliseconds to the first token."""
    speeds: Speeds = defaultdict(list)
    plain = Transformers(folder)
    with EmbeddedEngine({"endless": folder}, max_batch_size=32, dtype="float32") as engine:
        process = psutil.Process(engine.pid)
        async with AsyncClient(engine.base_url, engine.api_key) as client:
            for number in range(rounds + 1):
                for size in SIZES:
                    before = _cpu(process)
                    repeats = REPEATS[size] if number else 1  # the first round warms up
                    written = sum([await complete(client, size) for _ in range(repeats)])
                    _check(written, repeats, size)
                    found = {
                        NAMES[0]: written / max(_cpu(process) - before, 0.01),
                        NAMES[1]: _speed(partial(plain.generate, size), repeats, size),
                        NAMES[2]: _speed(partial(plain.continuous, size), repeats, size),
                    }
                    for name, speed in found.items():
                        if number:
                            speeds[name, size].append(speed)
                print(f"round {number} of {rounds}", flush=True)
            waits = {
                "engine, over HTTP, alone": [await first_token(client) for _ in range(PROBES)],
                f"engine, over HTTP, while {WAITING} others are served": await first_tokens(client, PROBES),
            }
    waits[f"{NAMES[2]}, while {WAITING} others are served"] = plain.continuous_first_tokens(PROBES)
    return speeds, waits


def _row(name: str, cells: Iterable[str]) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"


def _share(speeds: Speeds, name: str, size: int) -> str:
    """The engine's speed beside another's, round by round."""
    return f"{statistics.median(map(truediv, speeds[NAMES[0], size], speeds[name, size])):.2f} x"


def table(speeds: Speeds, waits: Waits) -> str:
    """What goes onto the page."""
    lines = ["| tokens a CPU second | " + " | ".join(f"batch {size}" for size in SIZES) + " |"]
    lines.append("|---" + "|--:" * len(SIZES) + "|")
    lines += [_row(name, (_report.spread(speeds[name, size], 0) for size in SIZES)) for name in NAMES]
    lines += [_row(f"the engine beside {name}", (_share(speeds, name, size) for size in SIZES)) for name in NAMES[1:]]
    single = statistics.median(speeds[NAMES[1], 1])
    goals = [(1, 1.0), (16, 5.0)]
    lines += ["", "| goal | at least | measured | |", "|---|--:|--:|---|"]
    for size, least in goals:
        share = statistics.median(speeds[NAMES[0], size]) / single
        met = "met" if share >= least else "**not met**"
        lines.append(
            f"| the engine at batch {size}, beside `generate` at batch 1 | {least:.0f} x | {share:.2f} x | {met} |"
        )
    lines += ["", "| milliseconds (wall) to the first token | median | p95 |", "|---|--:|--:|"]
    lines += [
        f"| {name} | {statistics.median(found):.0f} | {statistics.quantiles(found, n=20)[-1]:.0f} |"
        for name, found in waits.items()
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    logging.getLogger("ContinuousBatchingLogger").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        text = table(*asyncio.run(measure(endless_model(Path(folder)), asked.rounds)))
    print(text)
    where = _report.conditions(f"make bench-engine BENCH_ROUNDS={asked.rounds}")
    _report.write("engine", f"{where} torch {torch.__version__}, one thread.\n\n{text}")


if __name__ == "__main__":
    main()
