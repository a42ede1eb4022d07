# ruff: noqa: T201 - a program that prints
"""Print the matrix of faults and operations: `make faults`. Exit status 1 if a cell is not as expected, or something has leaked."""

from __future__ import annotations

import faulthandler
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from reliability._fault_server import Running
from reliability._faults import OPERATIONS
from reliability._matrix import Cell, run
from reliability._odd_faults import FAULTS

ROW = 120.0
"""Seconds after which a row hangs."""
SHORT = {
    "ok": "ok",
    "APIConnectionError": "connection",
    "APITimeoutError": "timeout",
    "InvalidResponseError": "invalid",
}


def shown(cells: list[Cell]) -> str:
    """One cell of the table: what all four clients came to; marked where one is unexpected."""
    outcomes = sorted({SHORT.get(cell.outcome, cell.outcome.removesuffix("Error")) for cell in cells})
    return "/".join(outcomes) + ("" if all(cell.expected for cell in cells) else " !!") if cells else "-"


def main(names: list[str]) -> int:
    started, wrong, total = time.monotonic(), [], 0
    print(f"{'fault':28}" + "".join(f"{name:>16}" for name in OPERATIONS))
    with Running() as server:
        for name in names or FAULTS:
            faulthandler.dump_traceback_later(ROW, exit=True)
            cells, left = run(server, [name])
            total += len(cells)
            row = [shown([cell for cell in cells if cell.operation == operation]) for operation in OPERATIONS]
            print(f"{name:28}" + "".join(f"{text:>16}" for text in row), flush=True)
            wrong += [str(cell) for cell in cells if not cell.expected]
            if left.files or left.threads or left.tasks:
                wrong.append(f"{name} left {left.files} files, {left.threads} threads, {left.tasks} tasks")
    print(f"\n{total} cells in {time.monotonic() - started:.0f} s, {len(wrong)} unexpected")
    print("\n".join(wrong))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
