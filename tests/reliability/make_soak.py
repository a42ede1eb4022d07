# ruff: noqa: T201 - a program that prints
"""Run the soak and print its ledger: `make soak`. Exit status 1 if it does not balance."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import os
import threading

import psutil

from reliability._fault_server import Running
from reliability._soak import soak, summary

GROWTH = 16 * 2**20
"""Bytes that the process may grow by: less than a kilobyte for each call."""


def main(count: int = 20_000, at_once: int = 200) -> int:
    os.environ.pop("SCALE_API_KEY", None)
    with Running() as server:
        files = psutil.Process().num_fds()
        ledger, journal = soak(server, count, at_once)
        wrong = list(ledger.faults(journal))
        if len(ledger.calls) != count:
            wrong.append(f"{count - len(ledger.calls)} calls came to nothing")
        if (more := psutil.Process().num_fds() - files) > 0:
            wrong.append(f"{more} files left open")
        if threading.active_count() > 1:
            wrong.append(f"{threading.active_count() - 1} threads left")
        if ledger.growth > GROWTH:
            wrong.append(f"the memory has grown by {ledger.growth / 2**20:.1f} MiB")
    print(summary(ledger, journal))
    print("\n".join(wrong[:20]) or "the ledger balances")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
