"""The engine's end of a training process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from llmengine_integrations.engine.config import API_KEY_VARIABLE

from .training_folder import LOG
from .training_protocol import Message, parse

# -P: a file in the user's working directory must not replace a library that the training imports.
_COMMAND = (sys.executable, "-P", "-m", __package__ or "")
_PATIENCE = 0.5  # seconds that a process may take to end on SIGTERM
_LOG_TAIL = 300  # characters


@dataclass(frozen=True, slots=True)
class TrainingProcess:
    """A training process.

    Args:
        process: the asyncio process.
        folder: the job's folder.
    """

    process: asyncio.subprocess.Process
    folder: Path

    async def messages(self) -> AsyncIterator[Message]:
        """Yield its messages, until it ends."""
        if self.process.stdout is None:
            raise AssertionError("started without a pipe")
        async for line in self.process.stdout:
            message = parse(line)
            if message is not None:
                yield message

    async def failure_reason(self) -> str:
        """Wait for its end, and return how it ended."""
        status = await self.process.wait()
        if status == -getattr(signal, "SIGKILL", 9):
            return (
                "The training process was killed (signal 9). The system does that when memory runs out: "
                "try a smaller batch_size or shorter rows."
            )
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        tail = (self.folder / LOG).read_text(errors="replace").strip()[-_LOG_TAIL:]
        return f"The training process {how} before it was done." + (f" It wrote: {tail}" if tail else "")

    async def stop(self) -> None:
        """End it, if it has not ended."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), _PATIENCE)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


@asynccontextmanager
async def training(folder: Path, base: Path, *, device: str, threads: int) -> AsyncGenerator[TrainingProcess]:
    """Run the training of a job. It is stopped at the end of the block.

    Args:
        folder: the job's folder.
        base: the folder of the base model.
        device: any device name that torch knows.
        threads: the number of torch's CPU threads.
    """
    with (folder / LOG).open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            *(str(folder), str(base), device, str(threads)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=_environment(os.environ),
            start_new_session=True,
        )
    running = TrainingProcess(process, folder)
    try:
        yield running
    finally:
        await asyncio.shield(running.stop())


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return our environment without the engine's key, and without a thread pool for the tokenizer."""
    kept = {name: value for name, value in ours.items() if name != API_KEY_VARIABLE}
    return {**kept, "TOKENIZERS_PARALLELISM": "false", "PYTHONWARNINGS": "ignore"}
