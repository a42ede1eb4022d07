"""The tables, and the place in the documentation that they stand in."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import statistics
import subprocess
from pathlib import Path

from _goals import Costs, Result
from _plan import CLIENTS, CONTENDERS, LANGCHAIN, LLAMA_INDEX, SCENARIOS
from _processes import HERE, python

PAGE = HERE.parent / "docs" / "performance.md"
README = HERE.parent / "README.md"
_GROUPS = (
    ("Clients", CLIENTS),
    ("LangChain", LANGCHAIN),
    ("LlamaIndex", LLAMA_INDEX),
)
_SUMMARY = (
    ("call", "A blocking call", "ours", "openai_sdk"),
    ("c256", "One of 256 awaited calls", "ours", "openai_sdk"),
    ("sc", "A token of a blocking stream", "ours", "openai_sdk"),
    ("ac", "A token of an awaited stream", "ours", "openai_sdk"),
    ("invoke", "LangChain `invoke`", "langchain_ours", "langchain_openai_llm"),
    ("astream", "LangChain `astream`, a token", "langchain_ours", "langchain_openai_llm"),
    ("abatch", "LangChain `abatch` of 256, a call", "langchain_ours", "langchain_openai_chat"),
    ("complete", "LlamaIndex `complete`", "llama_index_ours", "llama_index_openai_like"),
    ("stream_complete", "LlamaIndex `stream_complete`, a token", "llama_index_ours", "llama_index_openai_like"),
    ("acomplete", "LlamaIndex, one of 256 `acomplete`", "llama_index_ours", "llama_index_openai_like"),
)
"""The rows of the README's table: whose cost, beside whose."""
_PACKAGES = {
    ".venv": ("aiohttp", "httpx", "pydantic", "langchain-core", "llama-index-core"),
    ".venv-upstream": ("scale-llm-engine", "requests"),
    ".venv-peers": ("openai", "langchain-openai", "llama-index-llms-openai-like"),
}
_VERSIONS = (
    "import json, sys; from importlib.metadata import version; print(json.dumps({n: version(n) for n in sys.argv[1:]}))"
)


def write(section: str, text: str, page_file: Path = PAGE) -> None:
    """Put a text between a page's markers of a section."""
    begin, end = f"<!-- {section}: begin, written by `make bench` -->", f"<!-- {section}: end -->"
    page = page_file.read_text()
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{page_file} has no section {section}.")
    page_file.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}")


def conditions(command: str) -> str:
    """The machine, the date, the versions and the command."""
    return (
        f"`{command}`, {dt.datetime.now(tz=dt.UTC):%Y-%m-%d %H:%M} UTC, on {_processor()} "
        f"({os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}), {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; {', '.join(versions())}."
    )


def versions() -> list[str]:
    """What was measured."""
    found: list[str] = []
    for folder, names in _PACKAGES.items():
        if Path(python(folder)).exists():
            done = subprocess.run([python(folder), "-c", _VERSIONS, *names], capture_output=True, text=True, check=True)
            found += [f"{name} {version}" for name, version in json.loads(done.stdout).items()]
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def spread(figures: list[float], digits: int) -> str:
    """The median, and between which two figures the middle half lies."""
    if len(figures) < 3:  # noqa: PLR2004
        return f"{statistics.median(figures):,.{digits}f}"
    low, middle, high = statistics.quantiles(figures, n=4, method="inclusive")
    return f"{middle:,.{digits}f} ({low:,.{digits}f}-{high:,.{digits}f})"


def cost_tables(cpu: Costs, wall: Costs) -> str:
    """CPU and wall time of everyone in everything."""
    parts: list[str] = []
    for title, contenders in _GROUPS:
        rows = [key for key in cpu if set(cpu[key]) & set(contenders)]
        if not rows:
            continue
        head = ["CPU us (wall us)", *(CONTENDERS[name][1] for name in contenders)]
        lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * len(contenders) + "|"]
        for key in rows:
            cells = [_cell(cpu[key].get(name), wall[key].get(name), SCENARIOS[key].per_token) for name in contenders]
            unit = "a token" if SCENARIOS[key].per_token else "a call"
            lines.append(f"| {SCENARIOS[key].title}, {unit} | " + " | ".join(cells) + " |")
        parts += [f"### {title}", "\n".join(lines)]
    return "\n\n".join(parts)


def _cell(cpu: list[float] | None, wall: list[float] | None, per_token: bool) -> str:
    if cpu is None or wall is None:
        return "-"
    digits = 1 if per_token else 0
    return f"{statistics.median(cpu):,.{digits}f} ({statistics.median(wall):,.{digits}f})"


def goal_table(results: list[Result]) -> str:
    """Every goal with its verdict."""
    lines = ["| goal | what | at most | aim | measured (middle half) | |", "|---|---|--:|--:|--:|---|"]
    for result in sorted(results, key=lambda one: int(one.name[1:])):
        digits = 0 if result.unit in {" us", " MB"} else 2
        aim = "" if result.aim is None else f"{result.aim:.{digits}f}{result.unit}"
        lines.append(
            f"| {result.name} | {result.what} | {result.least:.{digits}f}{result.unit} | {aim} "
            f"| {spread(result.figures, digits)}{result.unit} | {result.verdict} |"
        )
    return "\n".join(lines)


def summary_table(cpu: Costs) -> str:
    """What a reader of the README wants to know: our share of what the others' clients take."""
    lines = ["| CPU time of | beside upstream's client | beside openai's, or the adapter over it |", "|---|--:|--:|"]
    for key, title, ours, peer in _SUMMARY:
        upstream = f"{_share(cpu[key], ours, 'upstream')}" if ours == "ours" else ""
        lines.append(f"| {title} | {upstream} | {_share(cpu[key], ours, peer)} |")
    return "\n".join(lines)


def _share(cpu: dict[str, list[float]], ours: str, other: str) -> str:
    return f"{statistics.median(a / b for a, b in zip(cpu[ours], cpu[other], strict=True)):.2f} x"
