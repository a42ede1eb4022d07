"""The training process: `python -m llmengine_integrations.engine.tuning FOLDER BASE DEVICE THREADS`.

It ends when its standard input is closed. That happens when the engine closes it, or when the engine dies for any reason. It also ends at
once on SIGTERM.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from llmengine_integrations.engine.process_exit import exit_now, wait_for_parent
from llmengine_integrations.engine.runtime.torch_runtime.loading.model_folder import stay_offline
from llmengine_integrations.engine.store.full_disk import is_full

from .training_protocol import Failed, Message, TrainingError

_NICE = 10


def main(arguments: list[str]) -> int:
    """Train. Return 1 if that failed; then a line on standard output says why."""
    folder, base, device, threads = arguments
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    if os.name == "posix":
        os.nice(_NICE)
    lines = _claim_output()

    def report(message: Message) -> None:
        lines.write(message.model_dump_json() + "\n")
        lines.flush()

    try:
        _train(Path(folder), Path(base), device, int(threads), report)
    except Exception as error:  # noqa: BLE001 - any error ends the job, and is reported to the user
        report(Failed(reason=reason(error)))
        return 1
    return 0


def _train(folder: Path, base: Path, device: str, threads: int, report: Callable[[Message], None]) -> None:
    stay_offline()
    import torch  # noqa: PLC0415 - takes seconds, and the parent must be watched first

    from .trainer import Trainer, silence_libraries  # noqa: PLC0415 - imports torch

    torch.set_num_threads(threads)
    silence_libraries()
    Trainer(folder, base, device, report).run()


def _claim_output() -> TextIO:
    """Reserve standard output for messages: what libraries print goes to standard error."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return lines


def _end_with_parent(parent: int) -> None:
    wait_for_parent(parent)
    os._exit(1)


def reason(error: Exception) -> str:
    """Return the message for an error."""
    text = " ".join(str(error).split())[:500]
    if isinstance(error, TrainingError):
        return text
    if is_full(error):
        return "The disk is full."
    if isinstance(error, MemoryError) or "not enough memory" in text or "out of memory" in text:
        return f"There is not enough memory for this training: {text or 'MemoryError'}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


if __name__ == "__main__":
    exit_now(main(sys.argv[1:]))
