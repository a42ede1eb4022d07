"""Stands for the training process: says what that says, and takes a tenth of a second a row."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path


def end_with_engine() -> None:
    while os.read(0, 1024):
        pass
    os._exit(1)


threading.Thread(target=end_with_engine, daemon=True).start()
folder = Path(sys.argv[1])
for _ in (folder / "training.jsonl").read_text().splitlines():
    print('{"kind": "event", "message": "{\'loss\': 1.0}"}', flush=True)  # noqa: T201 - that is how it speaks
    time.sleep(0.1)
best = folder / "best"
best.mkdir(exist_ok=True)
for name in ("README.md", "adapter_config.json", "adapter_model.safetensors"):
    (best / name).write_text("{}")
best.rename(folder / "adapter")
print('{"kind": "saved"}', flush=True)  # noqa: T201 - as above
