"""Thousands of mixed calls at once against a server that fails every tenth, and the ledger of what became of each.

The server keeps a journal: what it did to each request of each call. The clients keep what each call came to. Then they are compared.
"""

from __future__ import annotations

import asyncio
import gc
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.errors import LLMEngineError
from reliability._fault_server import Running

MIX = {"infer": 50, "stream": 20, "chat": 8, "read": 10, "create": 6, "upload": 4, "save": 2}
ONCE = {"create", "upload"}
RETRIES = 2
SECONDS = 3.0
COMES_TO = {
    "reply": "ok",
    "slow": "ok",
    "reset": "APIConnectionError",
    "close": "APIConnectionError",
    "half": "APIConnectionError",
    "hang": "APITimeoutError",
    "503": "ServerError",
    "429": "RateLimitError",
    "invalid": "InvalidResponseError",
}
"""What a call comes to by the last thing that the server did to it."""
THREADS = 50
"""Of the calls at once, those of the blocking client."""


@dataclass
class Ledger:
    """What was asked, and what it came to."""

    calls: dict[str, str] = field(default_factory=dict)
    memory: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def note(self, name: str, outcome: str) -> None:
        """Write one call's outcome down; one call has one."""
        self.calls[name] = outcome if name not in self.calls else f"{self.calls[name]}, then {outcome}"
        if len(self.calls) % 500 == 0:
            self.memory.append(psutil.Process().memory_info().rss)

    def faults(self, journal: dict[str, list[str]]) -> Iterator[str]:
        """What does not add up."""
        for name, outcome in self.calls.items():
            done, once = journal.get(name, []), name.partition("-")[0] in ONCE
            if len(done) > (1 if once else 1 + RETRIES):
                yield f"{name} was sent {len(done)} times"
            elif sum(COMES_TO[action] == "ok" for action in done) != (outcome == "ok") or (
                done and outcome != COMES_TO[done[-1]]
            ):
                yield f"{name} came to {outcome}, but the server did {done}"
        yield from (f"{name} was never asked" for name in journal.keys() - self.calls.keys())

    @property
    def growth(self) -> int:
        """Bytes that the process has grown by since a quarter of the calls were done."""
        quarter = len(self.memory) // 4
        return max(self.memory[-3:], default=0) - max(self.memory[quarter : quarter + 3], default=0)


def _names(count: int) -> list[str]:
    chosen = random.Random(7).choices(list(MIX), list(MIX.values()), k=count)  # noqa: S311 - the same calls each time
    return [f"{kind}-{number}" for number, kind in enumerate(chosen)]


async def _acall(client: AsyncClient, name: str, folder: str) -> str:  # noqa: PLR0911 - one row an operation
    match name.partition("-")[0]:
        case "infer":
            return (await client.completions.create("m", name)).output.text
        case "stream":
            async with client.completions.stream("m", name) as events:
                return "".join([event.output.text async for event in events])
        case "chat":
            async with client.chat.stream("m", [{"role": "user", "content": name}]) as chunks:
                return "".join([chunk.text async for chunk in chunks])
        case "read":
            return (await client.models.get(name)).id or ""
        case "create":
            return (await client.fine_tunes.create("m", name)).id
        case "upload":
            return (await client.files.upload(b"a,b\n", name)).id
        case _:
            return (await client.files.download(name, Path(folder) / name)).read_text()


def _call(client: Client, name: str, folder: str) -> str:  # noqa: PLR0911 - one row an operation
    match name.partition("-")[0]:
        case "infer":
            return client.completions.create("m", name).output.text
        case "stream":
            with client.completions.stream("m", name) as events:
                return "".join([event.output.text for event in events])
        case "chat":
            with client.chat.stream("m", [{"role": "user", "content": name}]) as chunks:
                return "".join([chunk.text for chunk in chunks])
        case "read":
            return client.models.get(name).id or ""
        case "create":
            return client.fine_tunes.create("m", name).id
        case "upload":
            return client.files.upload(b"a,b\n", name).id
        case _:
            return client.files.download(name, Path(folder) / name).read_text()


def _outcome(name: str, text: str) -> str:
    return "ok" if text == name else f"the reply to {text}"


async def _tasks(url: str, names: Iterator[str], ledger: Ledger, at_once: int, folder: str) -> None:
    async with AsyncClient(url, timeout=SECONDS, max_retries=RETRIES) as client:

        async def work() -> None:
            for name in names:
                try:
                    outcome = _outcome(name, await _acall(client, name, folder))
                except LLMEngineError as error:
                    outcome = type(error).__name__
                ledger.note(name, outcome)

        await asyncio.gather(*(work() for _ in range(at_once)))


def _threads(url: str, names: list[str], ledger: Ledger, at_once: int, folder: str) -> None:
    lock, left = threading.Lock(), iter(names)

    def work() -> None:
        while True:
            with lock:
                name = next(left, None)
            if name is None:
                return
            try:
                outcome = _outcome(name, _call(client, name, folder))
            except LLMEngineError as error:
                outcome = type(error).__name__
            with lock:
                ledger.note(name, outcome)

    with (
        closing(Client(url, timeout=SECONDS, max_retries=RETRIES)) as client,
        ThreadPoolExecutor(at_once) as pool,
    ):
        for done in [pool.submit(work) for _ in range(at_once)]:
            done.result()


def soak(server: Running, count: int, at_once: int) -> tuple[Ledger, dict[str, list[str]]]:
    """Make so many calls, so many at once, a quarter of them with the blocking client's threads."""
    names, started = _names(count), time.monotonic()
    few = max(1, at_once * THREADS // 200)
    share = count * few // at_once
    blocking, awaited = Ledger(), Ledger()
    url = f"{server.url()}/soak/{count}"
    with tempfile.TemporaryDirectory() as folder:
        thread = threading.Thread(target=_threads, args=(url, names[:share], blocking, few, folder))
        thread.start()
        asyncio.run(_tasks(url, iter(names[share:]), awaited, at_once - few, folder))
        thread.join()
    gc.collect()
    both = Ledger(blocking.calls | awaited.calls, awaited.memory, time.monotonic() - started)
    return both, server.journal()


def _twice(entry: tuple[str, list[str]]) -> bool:
    return entry[0].partition("-")[0] in ONCE and len(entry[1]) > 1


def summary(ledger: Ledger, journal: dict[str, list[str]]) -> str:
    """The ledger in a few lines."""
    outcomes = Counter(ledger.calls.values())
    actions = Counter(action for done in journal.values() for action in done)
    faults = sum(actions.values()) - actions["reply"]
    return "\n".join(
        (
            f"{len(ledger.calls)} calls in {ledger.seconds:.0f} s",
            f"server: {sum(actions.values())} requests, {faults} of them failed or slow ({faults / sum(actions.values()):.1%}): "
            + ", ".join(f"{name} {number}" for name, number in actions.most_common()),
            "clients: " + ", ".join(f"{name} {number}" for name, number in outcomes.most_common()),
            f"creates and uploads sent more than once: {sum(map(_twice, journal.items()))}",
            f"memory: {ledger.growth / 2**20:+.1f} MiB since a quarter of the calls",
        )
    )
