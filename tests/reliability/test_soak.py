"""A short soak, as a program of its own: its ledger balances, and it ends clean. `make soak` runs the long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from reliability._soak import Ledger

PROGRAM = Path(__file__).parent / "make_soak.py"


def test_the_ledger_balances_and_the_process_ends_clean():
    command = [sys.executable, "-W", "error::ResourceWarning", str(PROGRAM), "1000", "100"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)  # noqa: S603 - our own program
    assert done.stderr == ""
    assert "the ledger balances" in done.stdout
    assert done.returncode == 0


def test_a_ledger_that_does_not_balance_says_so():
    ledger = Ledger({"infer-1": "ok", "create-2": "ok", "infer-3": "APITimeoutError", "infer-4": "ok", "read-5": "ok"})
    journal = {
        "infer-1": ["503", "reply"],
        "create-2": ["close", "reply"],
        "infer-3": ["reply"],
        "infer-4": [],
        "x-6": ["reply"],
    }
    assert [fault.split()[0] for fault in ledger.faults(journal)] == ["create-2", "infer-3", "infer-4", "read-5", "x-6"]
