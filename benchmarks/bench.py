"""Measure our client and adapters beside the others', and write the tables of docs/performance.md. `make bench`.

Every contender is a process of its own, pinned to one CPU, the server to another one. A round asks each of them once for each scenario, in
an order that changes; what is compared is the CPU time of the client's process, as ratios within a round. So a machine that is busy with
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
from _plan import SCENARIOS
from _processes import Worker, server


def _measure(rounds: int, only: list[str]) -> tuple[Costs, Costs]:
    cpu: Costs = defaultdict(lambda: defaultdict(list))
    wall: Costs = defaultdict(lambda: defaultdict(list))
    scenarios = [SCENARIOS[key] for key in only or SCENARIOS]
    with ExitStack() as stack:
        url = stack.enter_context(server())
        workers = {name: Worker(name, url, stack) for name in {n for one in scenarios for n in one.contenders}}
        for number in range(rounds + 1):
            for scenario in scenarios:
                for name in random.sample(scenario.contenders, len(scenario.contenders)):
                    count = scenario.count if number else max(scenario.concurrency, scenario.count // 10, 1)
                    answer = workers[name].ask(
                        scenario=scenario.method, count=count, concurrency=scenario.concurrency, tokens=scenario.tokens
                    )
                    if number:  # the first round warms up
                        cpu[scenario.key][name].append(answer["cpu"] / scenario.units * 1e6)
                        wall[scenario.key][name].append(answer["wall"] / scenario.units * 1e6)
            print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
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
