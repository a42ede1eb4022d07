"""The embedded engine beside plain `generate` and transformers' continuous batching, all on the default model and one thread each.

Tokens a second of CPU time: of the engine's process, HTTP included, and of this one for the others. `make bench-engine`.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import _report
import psutil
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from llmengine_integrations import AsyncClient
from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH

TOKENS = 64
SIZES = (1, 8, 16, 32)
WAITING = 16
PATIENCE = 60
PROMPTS = [f"Tell me about number {n} and the others." for n in range(10, 10 + max(SIZES))]
NAMES = ("engine, over HTTP", "`generate`", "continuous batching of transformers")


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
        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self._options = {"max_new_tokens": TOKENS, "do_sample": False, "pad_token_id": 0}

    def generate(self, size: int) -> int:
        """Tokens written by one call of `generate`."""
        inputs = self._tokenizer(PROMPTS[:size], return_tensors="pt", padding=True)
        inputs.pop("token_type_ids", None)
        with torch.inference_mode():
            written = self._model.generate(**inputs, **self._options)
        return (written.shape[1] - inputs["input_ids"].shape[1]) * size

    def continuous(self, size: int) -> int:
        """Tokens written by one call of `generate_batch`."""
        inputs = self._tokenizer(PROMPTS[:size])["input_ids"]
        config = GenerationConfig(**self._options, eos_token_id=-1)
        found = self._model.generate_batch(inputs, generation_config=config, progress_bar=False)
        return sum(len(one.generated_tokens) for one in found.values())


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


async def measure(folder: Path, rounds: int) -> tuple[dict[tuple[str, int], list[float]], list[float], list[float]]:
    """Tokens a CPU second by contender and batch, and milliseconds to the first token: alone and under load."""
    speeds: dict[tuple[str, int], list[float]] = defaultdict(list)
    plain = Transformers(folder)
    with EmbeddedEngine({"endless": folder}, max_batch_size=32, dtype="float32") as engine:
        process = psutil.Process(engine.pid)
        async with AsyncClient(engine.base_url, engine.api_key) as client:
            for number in range(rounds + 1):
                for size in SIZES:
                    before = _cpu(process)
                    repeats = max(1, 8 // size)
                    written = sum([await complete(client, size) for _ in range(repeats)])
                    found = {NAMES[0]: written / max(_cpu(process) - before, 0.01)}
                    start = time.process_time()
                    written = sum(plain.generate(size) for _ in range(repeats))
                    found[NAMES[1]] = written / (time.process_time() - start)
                    for name, speed in found.items():
                        if number:
                            speeds[name, size].append(speed)
                print(f"round {number} of {rounds}", flush=True)
            alone = [await first_token(client) for _ in range(30)]
            loaded = await first_tokens(client, 60)
    return speeds, alone, loaded


def batched_continuously(folder: Path) -> None:
    """Print transformers' tokens a CPU second by batch, as JSON."""
    plain, speeds = Transformers(folder), {}
    for size in (1, *SIZES):  # the first one warms up
        start = time.process_time()
        speeds[size] = plain.continuous(size) / (time.process_time() - start)
    print(json.dumps(speeds))


def continuous(folder: Path) -> dict[tuple[str, int], list[float]]:
    """The same from a process of its own: on a CPU it may never come back."""
    command = [sys.executable, __file__, "--continuous", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        print(f"{NAMES[2]}: {type(error).__name__}")
        return {}
    return {(NAMES[2], int(size)): [speed] for size, speed in json.loads(done.stdout.splitlines()[-1]).items()}


def table(speeds: dict[tuple[str, int], list[float]], alone: list[float], loaded: list[float]) -> str:
    """What goes onto the page."""
    lines = ["| tokens a CPU second | " + " | ".join(f"batch {size}" for size in SIZES) + " |"]
    lines.append("|---" + "|--:" * len(SIZES) + "|")
    for name in NAMES:
        cells = [_report.spread(found, 0) if (found := speeds.get((name, size))) else "-" for size in SIZES]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    if (NAMES[2], 1) not in speeds:
        lines += ["", f"Continuous batching failed, or did not come back within {PATIENCE} s, on this CPU."]
    single = statistics.median(speeds[NAMES[1], 1])
    goals = [(1, 1.0), (16, 5.0)]
    lines += ["", "| goal | at least | measured | |", "|---|--:|--:|---|"]
    for size, least in goals:
        share = statistics.median(speeds[NAMES[0], size]) / single
        met = "met" if share >= least else "**not met**"
        lines.append(
            f"| the engine at batch {size}, beside `generate` at batch 1 | {least:.0f} x | {share:.2f} x | {met} |"
        )
    lines += ["", "| milliseconds (wall) to a stream's first token | median | p95 |", "|---|--:|--:|"]
    for name, waits in (("alone", alone), (f"while {WAITING} others are served", loaded)):
        p95 = statistics.quantiles(waits, n=20)[-1]
        lines.append(f"| {name} | {statistics.median(waits):.0f} | {p95:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--continuous", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.continuous:
        batched_continuously(asked.continuous)
        return
    with tempfile.TemporaryDirectory() as folder:
        model = endless_model(Path(folder))
        speeds, alone, loaded = asyncio.run(measure(model, asked.rounds))
        text = table(speeds | continuous(model), alone, loaded)
    print(text)
    where = _report.conditions(f"make bench-engine BENCH_ROUNDS={asked.rounds}")
    _report.write("engine", f"{where} torch {torch.__version__}, one thread.\n\n{text}")


if __name__ == "__main__":
    main()
