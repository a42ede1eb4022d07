"""What is measured in processes of their own: the time of an import, and the most memory."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from _goals import Result
from _processes import environment, python, server

MEGABYTES = 500
STREAMS = 1000

_THREE = "import httpx, pydantic, tenacity"
_OURS = "import llmengine_integrations"
_HEAVY = ("aiohttp", "torch", "transformers", "langchain_core", "llama_index")
_LOADED = f"{_OURS}; import json, sys; print(json.dumps([n for n in {_HEAVY!r} if n in sys.modules]))"
_PEAK = "import json, resource; print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))"
UP = """
from llmengine_integrations import Client
sent = []
with Client({url!r}, "key") as client:
    client.files.upload({path!r}, on_progress=lambda done, _: sent.append(done))
assert sent[-1] >= {megabytes} << 20, sent[-1]
"""
DOWN = """
import os
from llmengine_integrations import Client
with Client({url!r}, "key") as client:
    client.files.download("mb-{megabytes}", {path!r} + "-back", overwrite=True)
assert os.path.getsize({path!r} + "-back") == {megabytes} << 20
"""
_STREAMS = """
import asyncio, json, resource, sys
sys.path.insert(0, {here!r})
sys.argv = ["", {contender!r}, {url!r}]
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
import importlib
import _worker
contender = importlib.import_module("contenders." + {contender!r}).Contender({url!r})
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
async def main():
    await contender.stream_async_paced(_worker.Work(1, 1, 5))
    before = peak()
    await contender.stream_async_paced(_worker.Work({streams}, {streams}, 20))
    print(json.dumps(peak() - before), flush=True)
asyncio.run(main())
"""


def run(code: str) -> tuple[float, Any]:
    """The CPU seconds of a fresh interpreter, and what it printed last.

    With the package alone installed: httpx and pydantic load what else they find, which is none of ours.
    """
    command = [python(".venv-core"), "-c", code]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment()) as process,
    ):
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        complaints = errors.read()
    if process.returncode:
        raise SystemExit(f"{code}\n{complaints}")
    return usage.ru_utime + usage.ru_stime, json.loads(printed) if printed.strip() else None


def imports(rounds: int) -> Result:
    """The import of the core beside that of what it stands on; a bare interpreter's start is taken off."""
    loaded = run(_LOADED)[1]
    if loaded:
        raise SystemExit(f"The import of the core loads {loaded}.")
    figures: list[float] = []
    for _ in range(rounds):
        bare, three, ours = (run(code)[0] for code in ("pass", _THREE, _OURS))
        figures.append((ours - bare) / (three - bare))
    what = "import, beside httpx, pydantic and tenacity; neither aiohttp nor a framework is loaded"
    return Result("G13", what, 1.15, None, " x", figures)


def memory(rounds: int) -> list[Result]:
    """The most memory of a process that moves a large file, and what 1,000 streams add, beside aiohttp."""
    up: list[float] = []
    down: list[float] = []
    growth: dict[str, list[float]] = {"ours": [], "plain_http": []}
    with server() as url, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large"
        with path.open("wb") as file:
            file.truncate(MEGABYTES << 20)
        values = {"url": url, "path": str(path), "megabytes": MEGABYTES}
        for number in range(rounds):
            if number < 2:  # noqa: PLR2004 - it hardly varies, and takes long
                up.append(run(UP.format(**values) + _PEAK)[1])
                down.append(run(DOWN.format(**values) + _PEAK)[1])
                Path(f"{path}-back").unlink()
            for contender, figures in growth.items():
                here = str(Path(__file__).parent)
                code = _STREAMS.format(url=url, contender=contender, here=here, streams=STREAMS)
                figures.append(run(code)[1])
    shares = [ours / theirs for ours, theirs in zip(growth["ours"], growth["plain_http"], strict=True)]
    return [
        Result("G14", f"{MEGABYTES} MB up, the process's peak", 45, None, " MB", up),
        Result("G14", f"{MEGABYTES} MB down, the process's peak", 45, None, " MB", down),
        Result("G15", f"{STREAMS:,} streams at once, memory beside aiohttp", 1.6, 1.2, " x", shares),
    ]


def results(rounds: int) -> list[Result]:
    """All of it."""
    return [imports(rounds), *memory(min(rounds, 3))]
