"""The live tests themselves, run against the embedded engine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.engine, pytest.mark.slow]


def test_they_pass_against_the_embedded_engine(engine):
    settings = {
        "LLM_ENGINE_BASE_PATH": engine.base_url,
        "SCALE_API_KEY": engine.api_key,
        "LLM_ENGINE_LIVE_MODEL": "llama-2-7b",
        "LLM_ENGINE_LIVE_TRAIN": "1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "tests/live"]
    done = subprocess.run(  # noqa: S603 - this interpreter
        [*command, "--deselect", "tests/live/test_on_the_engine.py"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | settings,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "skipped" not in done.stdout
