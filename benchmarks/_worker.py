"""A contender's process: does what it is told over standard input, and says what that cost in CPU and wall time. Standard library only.

`python _worker.py CONTENDER URL [CPU]`. A line in is `{"scenario": ..., "count": ..., "concurrency": ..., "tokens": ...}`.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple


class Work(NamedTuple):
    """What a scenario is to do: `count` calls (or streams), so many at a time, of so many tokens."""

    count: int = 1
    concurrency: int = 1
    tokens: int = 10


async def crowd(one: Callable[[], Awaitable[None]], work: Work) -> None:
    """Call `one` `count` times, `concurrency` at a time, as that many users would."""
    left = iter(range(work.count))

    async def user() -> None:
        for _ in left:
            await one()

    await asyncio.gather(*(user() for _ in range(min(work.concurrency, work.count))))


def measured(run: Callable[[Work], Any], work: Work, loop: asyncio.AbstractEventLoop) -> dict[str, float]:
    """The seconds that a scenario takes."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    result = run(work)
    if inspect.isawaitable(result):
        loop.run_until_complete(result)
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def main() -> None:
    """Serve until the input ends."""
    name, url, *pinned = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    if pinned:
        os.sched_setaffinity(0, {int(pinned[0])})
    out, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints is no answer
    contender = importlib.import_module(f"contenders.{name}").Contender(url)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    print(json.dumps({"ready": name}), file=out, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        run = getattr(contender, asked.pop("scenario"))
        try:
            answer: dict[str, Any] = measured(run, Work(**asked), loop)
        except Exception as error:  # noqa: BLE001 - the table says so
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    sys.modules["_worker"] = sys.modules["__main__"]  # contenders import it
    main()
