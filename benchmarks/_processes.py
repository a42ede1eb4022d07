"""The server's process and the contenders', and what passes between them and the command."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from _plan import CONTENDERS

HERE = Path(__file__).parent
_ENVIRONMENT = {
    "LLM_ENGINE_DISABLE_VERSION_CHECK": "true",
    "NO_PROXY": "127.0.0.1",
    "PYTHONPATH": str(HERE),
    "PYTHONDONTWRITEBYTECODE": "",
}


def environment() -> dict[str, str]:
    """The variables of every child."""
    return {**os.environ, **_ENVIRONMENT}


def python(folder: str) -> str:
    """The interpreter of a virtual environment."""
    return str(HERE.parent / folder / "bin" / "python")


def cpus() -> tuple[list[str], list[str]]:
    """The CPU of the server and that of the contenders, as arguments; none where there is but one."""
    if not hasattr(os, "sched_getaffinity") or len(allowed := sorted(os.sched_getaffinity(0))) < 2:  # noqa: PLR2004
        return [], []
    return [str(allowed[0])], [str(allowed[1])]


@contextmanager
def server() -> Generator[str]:
    """The loopback server; gives its URL."""
    command = [python(".venv"), str(HERE / "_server.py"), *cpus()[0]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


class Worker:
    """One contender."""

    def __init__(self, name: str, url: str, stack: ExitStack) -> None:
        self._name = name
        command = [python(CONTENDERS[name][0]), str(HERE / "_worker.py"), name, url, *cpus()[1]]
        self._process = stack.enter_context(
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment(),
            )
        )
        stack.callback(self._process.kill)
        if not self._process.stdout.readline():
            raise SystemExit(f"{name} does not start: {' '.join(command)}")

    def ask(self, **work: Any) -> dict[str, float]:
        """What a scenario cost."""
        self._process.stdin.write(json.dumps(work) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise SystemExit(f"{self._name}, {work}: {answer['error']}")
        return answer
