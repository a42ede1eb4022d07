"""An engine in a process of its own, without torch: it starts in a second, and can be killed and measured."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).parents[1]
CODE = """
import sys
from pydantic import SecretStr
from engine.fakes import FakeBatch, fake_lane, running
from llmengine_integrations.engine.config import EngineConfig
from llmengine_integrations.engine.tuning import process

if sys.argv[2:]:
    process._COMMAND = (sys.executable, sys.argv[2])
config = EngineConfig(port=0, data=sys.argv[1], api_key=SecretStr("key"))
with running(config, lambda: {"llmengine-tiny": fake_lane(FakeBatch())}) as (url, _):
    print(url, flush=True)
    sys.stdin.read()
"""


def log_of(data: Path) -> Path:
    return data.with_name(f"{data.name}.log")


@contextmanager
def bare_engine(data: Path, *, trainer: str | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address; killed with SIGKILL at the end. It writes errors to `log_of(data)`.

    Args:
        data: its data folder.
        trainer: a script beside this one that stands for the training process.
    """
    with (
        log_of(data).open("ab") as log,
        subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", CODE, str(data), *([str(Path(__file__).with_name(trainer))] if trainer else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        ) as process,
    ):
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()
