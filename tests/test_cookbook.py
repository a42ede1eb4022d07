"""Every script of the cookbook runs as its reader would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COOKBOOK = Path(__file__).parent.parent / "cookbook"
LONGEST = 80  # lines of a script that is still read
SCRIPTS = sorted(path.name for path in COOKBOOK.glob("*.py"))


def test_there_are_scripts():
    assert "quickstart.py" in SCRIPTS


@pytest.mark.engine
@pytest.mark.timeout(240)
@pytest.mark.parametrize("script", SCRIPTS)
def test_script(script, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("langchain_core")
    if script == "langchain_agent.py":
        pytest.importorskip("langchain")
    if script.startswith(("llama_index", "files", "flywheel")):
        pytest.importorskip("llama_index.core")
    if script == "dask_cluster.py":
        pytest.importorskip("distributed")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LLM_ENGINE", "SCALE"))}
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, COOKBOOK / script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert done.stdout.rstrip().endswith("The engine has stopped.")
    assert len((COOKBOOK / script).read_text(encoding="utf-8").splitlines()) <= LONGEST
