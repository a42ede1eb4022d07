"""Does twice as much cost twice as much? Calls, tokens, calls at once and the bytes of a file; draws docs/images/linearity.svg."""

from __future__ import annotations

import math
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

import _fresh
import _report
from _processes import HERE, Worker, server
from matplotlib import pyplot as plt

ROUNDS = 5
PICTURE = HERE.parent / "docs" / "images" / "linearity.svg"
CALLS = [100, 200, 400, 800, 1600]
TOKENS = [500, 1000, 2000, 4000, 8000, 16000]
AT_ONCE = [125, 250, 500, 1000, 2000]
MEGABYTES = [64, 128, 256, 512]
_IN = "import json, time; start = time.process_time()"
_OUT = "print(json.dumps(time.process_time() - start))"


def _asked(worker: Worker, scenario: str, works: list[dict[str, int]]) -> list[float]:
    """The CPU milliseconds of each amount of work: the medians of several rounds, each through all amounts."""
    rounds = [[worker.ask(scenario=scenario, **work)["cpu"] * 1e3 for work in works] for _ in range(ROUNDS + 1)]
    return [statistics.median(figures) for figures in zip(*rounds[1:], strict=True)]


def _files(url: str) -> tuple[list[float], list[float]]:
    up: list[list[float]] = []
    down: list[list[float]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large"
        for megabytes in MEGABYTES:
            with path.open("wb") as file:
                file.truncate(megabytes << 20)
            values = {"url": url, "path": str(path), "megabytes": megabytes}
            for into, code in ((up, _fresh.UP), (down, _fresh.DOWN)):
                work = code.format(**values).replace("with Client", f"{_IN}\nwith Client")
                into.append([_fresh.run(work + _OUT)[1] * 1e3 for _ in range(3)])
                Path(f"{path}-back").unlink(missing_ok=True)
    return [statistics.median(one) for one in up], [statistics.median(one) for one in down]


def _growth(amounts: list[int], costs: list[float]) -> float:
    """What twice as much costs, by the line through all points on logarithmic axes: 2 is linear."""
    slope, _ = statistics.linear_regression([math.log(n) for n in amounts], [math.log(cost) for cost in costs])
    return 2**slope


def main() -> None:
    """Measure, draw, write."""
    with ExitStack() as stack:
        url = stack.enter_context(server())
        ours = Worker("ours", url, stack)
        calls = _asked(ours, "call_sync", [{"count": count} for count in CALLS])
        blocking = _asked(ours, "stream_sync_coalesced", [{"count": 1, "tokens": tokens} for tokens in TOKENS])
        awaited = _asked(ours, "stream_async_coalesced", [{"count": 1, "tokens": tokens} for tokens in TOKENS])
        at_once = _asked(ours, "call_async", [{"count": count, "concurrency": count} for count in AT_ONCE])
        up, down = _files(url)
    panels = [
        ("calls", "calls, one after the other", CALLS, {"blocking": calls}),
        ("tokens", "tokens of one stream", TOKENS, {"blocking": blocking, "awaited": awaited}),
        ("calls at once", "calls at once", AT_ONCE, {"awaited": at_once}),
        ("MiB", "file", MEGABYTES, {"upload": up, "download": down}),
    ]
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.2), layout="constrained")
    lines = ["| work | amounts | CPU ms | twice the work costs |", "|---|---|---|--:|"]
    for axis, (unit, title, amounts, series) in zip(axes, panels, strict=True):
        for name, costs in series.items():
            axis.plot(amounts, costs, "o-", label=name)
            figures = ", ".join(f"{cost:,.0f}" for cost in costs)
            shown = ", ".join(f"{amount:,}" for amount in amounts)
            lines.append(f"| {title}, {name} | {shown} | {figures} | {_growth(amounts, costs):.2f} x |")
        axis.set(title=title, xlabel=unit, ylabel="CPU ms", xlim=(0, None), ylim=(0, None))
        axis.legend()
    figure.savefig(PICTURE, metadata={"Date": None})
    print("\n".join(lines))
    _report.write("linearity", f"{_report.conditions('make bench')}\n\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
