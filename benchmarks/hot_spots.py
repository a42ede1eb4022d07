"""Where a contender's time goes: its cost with and without Python's garbage collector, and the functions that take most.

`python benchmarks/hot_spots.py c1000 ours`. Scenarios and contenders are those of `_plan.py`; it runs in the environment that runs it.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import importlib
import pstats
import resource

import _worker
from _plan import CONTENDERS, SCENARIOS
from _processes import server


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threshold", type=int, help="objects until the collector looks; Python's own by default")
    parser.add_argument("--functions", type=int, default=15, help="how many to print")
    asked = parser.parse_args()
    scenario = SCENARIOS[asked.scenario]
    work = _worker.Work(scenario.count, scenario.concurrency, scenario.tokens)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    if asked.threshold:
        gc.set_threshold(asked.threshold)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with server() as url:
        contender = importlib.import_module(f"contenders.{asked.contender}").Contender(url)
        run = getattr(contender, scenario.method)

        def cost() -> float:
            return _worker.measured(run, work, loop)["cpu"] / scenario.units * 1e6

        cost()
        collected = sorted(cost() for _ in range(asked.rounds))
        gc.disable()
        alone = sorted(cost() for _ in range(asked.rounds))
        middle = asked.rounds // 2
        print(
            f"{collected[middle]:.1f} us CPU a unit, {alone[middle]:.1f} without the garbage collector (medians of {asked.rounds})"
        )
        profile = cProfile.Profile()
        profile.enable()
        cost()
        profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(asked.functions)


if __name__ == "__main__":
    main()
