"""Run the tests that need no engine on the other Pythons of this machine: `make test-pythons`.

    python tools/second_python.py [--workers N]

These are the system's own Python and the newest one installed of those that the package supports, unless the Python that runs this
script is the same version. Each gets an environment without torch, `.venv-client-VERSION`, with the versions that constraints.txt names.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
LOWEST = (3, 11)
NEWER = ("3.13", "3.12")  # the newest first
TESTS = (
    "tests/core",
    "tests/wire",
    "tests/prompting",
    "tests/compat",
    "tests/cli",
    "tests/langchain",
    "tests/llama_index",
    "tests/engine/test_json_size.py",
    "tests/test_import.py",
    "tests/test_regexes.py",
)
_VERSION = "import sys; print(*sys.version_info[:3])"


class Interpreter(NamedTuple):
    """A Python."""

    path: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return "Python " + ".".join(map(str, self.version))


def chosen(system: Interpreter | None, newer: Iterable[Interpreter], own: tuple[int, ...]) -> list[Interpreter]:
    """The system's own Python and the newest other one; none of an unsupported version, and none twice."""
    newest = max(newer, key=lambda found: found.version, default=None)
    others: dict[tuple[int, ...], Interpreter] = {}
    for found in (system, newest):
        if found is not None and found.version >= LOWEST and found.version != own:
            others.setdefault(found.version, found)
    return list(others.values())


def interpreter(path: str | Path | None) -> Interpreter | None:
    """The Python at a path; None if it does not run, as a shim of pyenv does not for a version that is not chosen."""
    if path is None:
        return None
    try:
        done = subprocess.run([path, "-I", "-c", _VERSION], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Interpreter(str(path), tuple(map(int, done.stdout.split()))) if done.returncode == 0 else None


def installed(minors: Iterable[str]) -> Iterator[Interpreter]:
    """The Pythons of these versions that are on the PATH or that pyenv and uv have installed."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path.home() / ".local/share/uv/python")
    for minor in minors:
        paths = [
            shutil.which(f"python{minor}"),
            *pyenv.glob(f"{minor}.*/bin/python3"),
            *uv.glob(f"cpython-{minor}.*/bin/python3"),
        ]
        yield from filter(None, map(interpreter, paths))


def environment(found: Interpreter) -> Path:
    """An environment of that Python with the package and what its tests need; made anew each time, which takes seconds."""
    folder = ROOT / f".venv-client-{'.'.join(map(str, found.version))}"
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}") or "uv"
    wanted = ["--constraint", "constraints.txt", "--editable", ".[langchain,llama-index,cli]", "--group", "test-client"]
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", found.path, folder], check=True)
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python", "--link-mode", "copy", *wanted],
        cwd=ROOT,
        check=True,
    )
    return folder


def tested(found: Interpreter, workers: str) -> tuple[int, str]:
    """Run the tests, showing what they print; their exit status, and pytest's last line."""
    command = [
        environment(found) / "bin" / "python",
        "-m",
        "pytest",
        "-n",
        workers,
        "--dist",
        "worksteal",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    last = ""
    with subprocess.Popen([*command, *TESTS], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            last = line.strip() or last
    return process.returncode, last


def main() -> int:
    """Test each, and sum up."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", default="2", help="processes that run tests at the same time")
    workers = parser.parse_args().workers
    system = interpreter(shutil.which("python3", path=os.defpath))
    others = chosen(system, installed(NEWER), tuple(sys.version_info[:3]))
    if not others:
        print(
            f"== No second Python: the system's own is {system or 'not installed'}, and no other of {', '.join(NEWER)} is installed"
        )
    failed, summary = 0, []
    for found in others:
        print(f"== {found} ({found.path}): the tests that need no engine", flush=True)
        status, last = tested(found, workers)
        failed |= status
        summary.append(f"== {found}: {last}")
    print(*summary, sep="\n", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
