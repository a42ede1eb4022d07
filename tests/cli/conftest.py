from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmengine_integrations.cli import main

COMMAND = [sys.executable, "-c", "from llmengine_integrations.cli import main; main(prog_name='llmengine')"]
VARIABLES = ("LLM_ENGINE_BASE_PATH", "LLM_ENGINE_SERVE_BASE_PATH", "LLM_ENGINE_MODEL", "SCALE_API_KEY", "NO_COLOR")
MODEL = "llmengine-tiny"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")
PATIENCE = 90  # seconds for what takes one on an idle machine


@pytest.fixture
def settings(engine) -> dict[str, str]:
    """The environment in which a command finds the engine."""
    return {"LLM_ENGINE_BASE_PATH": engine.base_url, "SCALE_API_KEY": engine.api_key, "LLM_ENGINE_MODEL": MODEL}


@pytest.fixture
def alone() -> Callable[..., Result]:
    """Run a command that finds no settings, in this process."""

    def run(*arguments: object, stdin: str | bytes = "", **variables: str | None) -> Result:
        environment = {**dict.fromkeys(VARIABLES), **variables}
        return CliRunner().invoke(main, list(map(str, arguments)), stdin, env=environment, prog_name="llmengine")

    return run


@pytest.fixture
def run(alone, settings) -> Callable[..., Result]:
    """Run a command against the engine, in this process."""
    return lambda *arguments, **more: alone(*arguments, **settings | more)


class Terminal:
    """A command in a process of its own, on a terminal."""

    def __init__(self, arguments: tuple[object, ...], environment: dict[str, str], **streams: Any) -> None:
        self.screen = ""
        self._terminal, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                [*COMMAND, *map(str, arguments)],
                **{"stdin": inside, "stdout": inside, "stderr": inside, **streams},
                env=environment,
                start_new_session=True,
                preexec_fn=_on_terminal,  # noqa: PLW1509 - it calls nothing that takes a lock
            )
        finally:
            os.close(inside)

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def until(self, text: str | None = None) -> str:
        """What the terminal shows up to a text, without escape sequences; without a text, to the end."""
        deadline = time.monotonic() + PATIENCE
        while text is None or text not in self.plain:
            assert time.monotonic() < deadline, self.screen
            if select.select([self._terminal], [], [], 1)[0]:
                try:
                    data = os.read(self._terminal, 65536)
                except OSError:  # the process has gone, and the terminal with it
                    data = b""
                if not data:
                    assert text is None, self.screen
                    break
                self.screen += data.decode(errors="replace")
        return self.plain

    @property
    def plain(self) -> str:
        return ESCAPES.sub("", self.screen)

    def end(self) -> tuple[int, str]:
        """Its exit status, and all that it has shown."""
        shown = self.until()
        return self.process.wait(timeout=PATIENCE), shown

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stdin):
            if stream is not None:
                stream.close()
        os.close(self._terminal)


def _on_terminal() -> None:
    """Make Ctrl-C work in a new process, even where whoever runs the tests ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(2, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminal(settings, tmp_path_factory) -> Callable[..., Any]:
    """Run a command against the engine on a terminal of 100 columns."""

    @contextmanager
    def on(*arguments: object, variables: dict[str, str] | None = None, **streams: Any) -> Iterator[Terminal]:
        environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        state = str(tmp_path_factory.mktemp("state"))
        environment |= {"TERM": "xterm-256color", "XDG_STATE_HOME": state, **settings, **(variables or {})}
        opened = Terminal(arguments, environment, **streams)
        try:
            yield opened
        finally:
            opened.close()

    return on
