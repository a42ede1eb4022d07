"""Measure our client and adapters beside the others', and write the tables of docs/performance.md. `make bench`.

For each scenario every contender is a new process, pinned to one CPU, the server to another one. A round asks each of them once, in an
order that changes; what is compared is the CPU time of the client's process, as ratios within a round. So a machine that is busy with
other things shows in the spread more than in the figures; wall times are given, but say little on such a machine.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

import _fresh
import _report
from _goals import Costs, results
from _plan import SCENARIOS, Scenario
from _processes import Worker, server

_Figures = dict[str, list[float]]


def _measure_scenario(scenario: Scenario, url: str, rounds: int, cpu: _Figures, wall: _Figures) -> None:
    """Add the cost of a unit in each round, for each contender.

    Their processes are new: what an earlier scenario left, such as a thousand idle connections to close, is not this one's.
    """
    work = {"scenario": scenario.method, "concurrency": scenario.concurrency, "tokens": scenario.tokens}
    warm_up = max(scenario.concurrency, scenario.count // 10, 1)
    with ExitStack() as stack:
        workers = {name: Worker(name, url, stack) for name in scenario.contenders}
        for worker in workers.values():
            worker.ask(**work, count=warm_up)
        for _ in range(rounds):
            for name in random.sample(scenario.contenders, len(scenario.contenders)):
                answer = workers[name].ask(**work, count=scenario.count)
                cpu[name].append(answer["cpu"] / scenario.units * 1e6)
                wall[name].append(answer["wall"] / scenario.units * 1e6)


def _measure(rounds: int, only: list[str]) -> tuple[Costs, Costs]:
    cpu: Costs = defaultdict(lambda: defaultdict(list))
    wall: Costs = defaultdict(lambda: defaultdict(list))
    with server() as url:
        for number, key in enumerate(keys := only or list(SCENARIOS), start=1):
            _measure_scenario(SCENARIOS[key], url, rounds, cpu[key], wall[key])
            print(f"{number} of {len(keys)}: {SCENARIOS[key].title}", file=sys.stderr, flush=True)
    return cpu, wall


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", nargs="*", default=[], choices=SCENARIOS, help="scenarios; nothing is written then")
    parser.add_argument("--raw", type=Path, help="where to leave every single figure, as JSON")
    asked = parser.parse_args()
    cpu, wall = _measure(asked.rounds, asked.only)
    if asked.raw:
        asked.raw.write_text(json.dumps({"cpu": cpu, "wall": wall}))
    tables = _report.cost_tables(cpu, wall)
    found = results(cpu)
    if not asked.only:
        where = _report.conditions(f"make bench BENCH_ROUNDS={asked.rounds}")
        _report.write("goals", f"{where}\n\n{_report.goal_table(found)}")
        _report.write("costs", tables)
        _report.write("costs", f"{_report.summary_table(cpu)}\n\n{where}", _report.README)
        found += _fresh.results(min(asked.rounds, 5))
        _report.write("goals", f"{where}\n\n{_report.goal_table(found)}")
    print(f"{_report.goal_table(found)}\n\n{tables}")
    missed = sorted({result.name for result in found if "not" in result.verdict}, key=lambda name: int(name[1:]))
    print(f"\nNot met: {', '.join(missed) or 'none'}.")


if __name__ == "__main__":
    main()
