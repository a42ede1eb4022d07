"""Is what we would publish fit for use? Builds wheel and sdist, and tries the wheel, not the tree: `make release-check`.

    python tests/release/check_wheel.py [--extras none,langchain,...] [--pythons python3.11,python3.12]

Each extra gets an environment of its own, on each Python, with the versions that constraints.txt names. There `pip check` must be clean,
and `smoke.py` must run, in an empty folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMOKE = Path(__file__).parent / "smoke.py"
EXTRAS = ("none", "langchain", "llama-index", "cli", "plots", "fast", "engine", "all")
PACKAGE = "llmengine_integrations"


def run(*command: str | Path, cwd: Path) -> None:
    """Run a command; what it wrote is shown if it fails."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LLM_", "SCALE"))
    }
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def build(folder: Path) -> Path:
    """Build the sdist, and of it the wheel, as `pip install` of the sdist would; the wheel's path."""
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    print(f"== {wheel.name} {wheel.stat().st_size / 1e6:.1f} MB, {sdist.name} {sdist.stat().st_size / 1e6:.1f} MB")
    return wheel


def check_contents(wheel: Path) -> None:
    """The wheel has every file of the package, and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA"))).decode()
    source = ROOT / "src"
    there = {
        path.relative_to(source).as_posix()
        for path in (source / PACKAGE).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    if packed != there:
        sys.exit(f"the wheel differs from the tree: {sorted(packed ^ there)}")
    for wanted in (
        "License-Expression: Apache-2.0",
        "Typing :: Typed",
        "Requires-Python: >=3.11",
        "Provides-Extra: all",
    ):
        if wanted not in metadata:
            sys.exit(f"the metadata lack {wanted!r}")


def check(wheel: Path, extra: str, python: str) -> None:
    """Install the wheel with an extra, and try it."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(python, "-m", "venv", folder / "venv", cwd=folder)
        installed = folder / "venv" / "bin" / "python"
        what = f"{wheel}[{extra}]" if extra != "none" else str(wheel)
        run(installed, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", what, cwd=folder)
        run(installed, "-m", "pip", "check", cwd=folder)
        empty = folder / "empty"
        empty.mkdir()
        run(installed, "-I", SMOKE, extra, cwd=empty)
    print(f"== {python}, {extra}: installed, pip check clean, works ({time.monotonic() - begun:.0f} s)", flush=True)


def main() -> None:
    """Build, and check every extra on every Python."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--extras", default=",".join(EXTRAS))
    parser.add_argument("--pythons", default=sys.executable)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        wheel = build(Path(name))
        check_contents(wheel)
        for python in given.pythons.split(","):
            if shutil.which(python) is None:
                sys.exit(f"there is no {python}")
            for extra in given.extras.split(","):
                check(wheel, extra, python)


if __name__ == "__main__":
    main()
