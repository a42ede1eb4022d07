"""Where to take torch from: prints pip's options for the Makefile, and on standard error one line that says what was decided and why.

    python tools/torch_index.py [INDEX]    # INDEX: a package index to take it from in any case

On Linux the standard index has torch for NVIDIA GPUs only, which brings gigabytes of CUDA libraries. Without such a GPU they are of no
use, so the CPU build is taken: the one that pip finds where it is set up to look, or the one on PyTorch's own index.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CUDA_SIZE = "about 2.8 GB to download, about 7 GB on the disk"
CPU_SIZE = "about 200 MB to download"
_CONSTRAINTS = Path(__file__).parent.parent / "constraints.txt"
_PATIENCE = 5  # seconds for a connection to the index

Found = Literal["installed", "cpu", "cuda", "none"]


class Choice(NamedTuple):
    """What to do."""

    index: str | None
    """An index to use in addition to pip's own."""
    message: str


def choose(
    *,
    system: str,
    override: str,
    found: Callable[[], Found],
    has_gpu: Callable[[], bool],
    is_reachable: Callable[[str], bool],
) -> Choice:
    """Decide; asks a question only if the answer matters.

    Args:
        system: The operating system, as `platform.system()` names it.
        override: An index that the user wants; empty for none.
        found: What pip, as it is set up, would install.
        has_gpu: Whether there is an NVIDIA GPU.
        is_reachable: Whether an index answers.
    """
    if override:
        return Choice(override, f"torch: also looking in {override}, as TORCH_INDEX says")
    if system != "Linux":
        return Choice(None, "torch: from the standard index, whose build for this system has no CUDA libraries")
    build = found()
    if build in _AS_IT_IS:
        return Choice(None, _AS_IT_IS[build])
    if build == "cuda" and has_gpu():
        return Choice(None, _CUDA)
    if is_reachable(CPU_INDEX):
        return Choice(CPU_INDEX, f"torch: the CPU build from {CPU_INDEX} ({CPU_SIZE})")
    return Choice(None, _CUDA_IN_VAIN if build == "cuda" else _NOWHERE)


_AS_IT_IS: dict[Found, str] = {
    "installed": "torch: already installed",
    "cpu": f"torch: the CPU build that pip finds where it is set up to look ({CPU_SIZE})",
}
_CUDA = (
    f"torch: with CUDA for the NVIDIA GPU of this machine: {CUDA_SIZE}. "
    f"For the smaller CPU build, stop with Ctrl-C and set TORCH_INDEX={CPU_INDEX}"
)
_CUDA_IN_VAIN = (
    f"torch: with CUDA, although there is no NVIDIA GPU here, because {CPU_INDEX} does not answer: {CUDA_SIZE}. "
    "To avoid that, stop with Ctrl-C and set TORCH_INDEX to an index that has the CPU build"
)
_NOWHERE = f"torch: pip finds none where it is set up to look, and {CPU_INDEX} does not answer"


def lists_gpu(command: list[str]) -> bool:
    """Whether `nvidia-smi -L`, or what stands for it, runs and lists a GPU."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and any(line.startswith("GPU ") for line in done.stdout.splitlines())


def build_in(report: dict[str, Any]) -> Found:
    """What a report of `pip install --report` installs of torch."""
    if not report["install"]:
        return "installed"
    required = [line.lower() for package in report["install"] for line in package["metadata"].get("requires_dist", [])]
    return (
        "cuda" if any(line.startswith(("nvidia-", "cuda-")) and "extra ==" not in line for line in required) else "cpu"
    )


def _found() -> Found:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps", "--report", "-"]
    done = subprocess.run([*command, "--constraint", _CONSTRAINTS, "torch"], capture_output=True, check=False)
    return "none" if done.returncode != 0 else build_in(json.loads(done.stdout))


def _answers(index: str) -> bool:
    try:
        with urllib.request.urlopen(f"{index}/torch/", timeout=_PATIENCE):  # noqa: S310 - https, as written above
            return True
    except OSError:
        return False


def main(override: str) -> None:
    """Decide, and print."""
    choice = choose(
        system=platform.system(),
        override=override,
        found=_found,
        has_gpu=lambda: lists_gpu([shutil.which("nvidia-smi") or "nvidia-smi", "-L"]),
        is_reachable=_answers,
    )
    print(f"== {choice.message}", file=sys.stderr)
    if choice.index:
        print("--extra-index-url", choice.index)


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]).strip())
