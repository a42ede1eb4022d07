"""Runs the code that a model writes, in a process with limits.

These limits always apply: processor time, wall time, memory, output, size and number of open files, an environment without secrets and a
temporary folder of its own. Everything that the code started is ended. Where Linux allows it, the process is also isolated: it has no
network, sees no other processes, starts no new ones, and reads no files except the standard library and its own folder. The engine's log
says which of these are missing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)

_SANDBOX = Path(__file__).parent / "code_sandbox.py"
_MEMORY = 512 * 2**20
_DISK = 32 * 2**20
_OPEN_FILES = 64
_MOST_OUTPUT = 16 * 1024  # bytes
_MOST_CODE = 256 * 1024  # bytes
_LONGEST = 3600  # seconds
_AT_A_TIME = 2
_PROBE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class CodeResult:
    """The result of running some code."""

    output: str
    """What it wrote to standard output and error; for an exception, the traceback."""
    failed: bool
    """Whether it raised an exception, or was stopped."""


class CodeEvaluator:
    """Runs code, each piece in its own process. No piece sees anything of earlier ones."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_A_TIME)

    async def run(self, code: str, seconds: float) -> CodeResult:
        """Run some Python code. The value of a last expression is printed, as in a notebook.

        Args:
            code: the code.
            seconds: the time limit.
        """
        if len(code.encode(errors="replace")) > _MOST_CODE:
            return CodeResult(f"The code has more than {_MOST_CODE} bytes.", failed=True)
        seconds = max(1, min(seconds, _LONGEST))
        async with self._turns:
            with tempfile.TemporaryDirectory(prefix="llmengine-code-", ignore_cleanup_errors=True) as folder:
                return await _run(code, seconds, folder)


def missing_walls() -> list[str]:
    """Return the kinds of isolation that this system does not allow, as words for a message."""
    with tempfile.TemporaryDirectory(prefix="llmengine-code-", ignore_cleanup_errors=True) as folder:
        found = subprocess.run(  # noqa: S603 - this interpreter and a file of this package
            [*_command(_PROBE_SECONDS), "--probe"],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    if found.returncode:
        return [f"anything that works ({found.stderr.decode(errors='replace').strip()[-300:]})"]
    missing: list[str] = json.loads(found.stdout)
    return missing


def log_missing_walls() -> None:
    """Log what code could do on this system although it should not."""
    for missing in missing_walls():
        _log.warning("The code evaluator does without %s: this system does not allow it.", missing)


async def _run(code: str, seconds: float, folder: str) -> CodeResult:
    process = await asyncio.create_subprocess_exec(
        *_command(seconds),
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    output = bytearray()
    reason = ""
    try:
        async with asyncio.timeout(seconds):
            if await _talk(process, code, output):
                await process.wait()
            else:
                reason = f"The code was stopped: it wrote more than {_MOST_OUTPUT} bytes."
    except TimeoutError:
        reason = f"The code was stopped after {seconds:g} seconds."
    finally:
        await _end(process)
    return _result(output[:_MOST_OUTPUT].decode(errors="replace"), reason, process.returncode or 0)


async def _talk(process: asyncio.subprocess.Process, code: str, output: bytearray) -> bool:
    """Send the code and read the output. Return False if there is too much output."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both are pipes")
    with suppress(ConnectionError):
        process.stdin.write(code.encode(errors="replace"))
        await process.stdin.drain()
    process.stdin.close()
    while len(output) <= _MOST_OUTPUT:
        piece = await process.stdout.read(_MOST_OUTPUT)
        if not piece:
            return True
        output += piece
    return False


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the process and everything that it started, even if the process has already ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(_gone(process))


async def _gone(process: asyncio.subprocess.Process) -> None:
    """Wait for the process. asyncio reports its end only after all output is read, and at this point nothing else reads it."""
    while process.stdout is not None and await process.stdout.read(_MOST_OUTPUT):
        pass
    await process.wait()


def _result(output: str, reason: str, status: int) -> CodeResult:
    if not reason and (status < 0 or status > 128):  # noqa: PLR2004 - a signal of the sandbox or of its child
        reason = "The code was stopped: it went past a limit on time or memory, or crashed."
    text = f"{output.rstrip()}\n{reason}" if reason and output else reason or output
    return CodeResult(text, failed=bool(reason) or status != 0)


def _command(seconds: float) -> list[str]:
    limits = {"seconds": int(seconds) + 1, "memory": _MEMORY, "disk": _DISK, "files": _OPEN_FILES}
    # -I: no environment variables, user packages or working directory; -S: no installed packages.
    return [sys.executable, "-I", "-S", "-B", str(_SANDBOX), json.dumps(limits)]


def _environment(folder: str) -> dict[str, str]:
    return {"HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8", "PATH": os.defpath}
