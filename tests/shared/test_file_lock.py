"""Locks that go with their holder, however it ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

from llmengine_integrations._shared.file_lock import Claim, TakenError, file_lock, sole_lock

HOLD = """
import sys
from pathlib import Path
from llmengine_integrations._shared.file_lock import sole_lock
with sole_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_holds_the_lock(tmp_path):
    path = tmp_path / "lock"
    with sole_lock(path), pytest.raises(TakenError, match="lock"), sole_lock(path):
        pass
    with sole_lock(path):
        pass
    assert path.exists()


def test_a_killed_holder_lets_go(tmp_path):
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=-1, stdout=-1, text=True) as holder:  # noqa: S603 - our own
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(TakenError), sole_lock(path):
            pass
        holder.kill()
    with sole_lock(path):
        pass


def test_the_kinds_of_locks_are_one(tmp_path):
    path = tmp_path / "lock"
    with file_lock(path), pytest.raises(TakenError), sole_lock(path):
        pass
    with sole_lock(path), pytest.raises(FileExistsError):
        Claim(path)
