"""Every script of the cookbook runs as its reader would run it."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

COOKBOOK = Path(__file__).parent.parent / "cookbook"
LONGEST = 80  # lines of a script that is still read
SCRIPTS = sorted(path.name for path in COOKBOOK.glob("*.py"))
MAKER = runpy.run_path(str(COOKBOOK.parent / "docs" / "make_notebooks.py"))


def test_there_are_scripts():
    assert "quickstart.py" in SCRIPTS


@pytest.mark.engine
@pytest.mark.timeout(240)
@pytest.mark.parametrize("script", SCRIPTS)
def test_script(script, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("langchain_core")
    if script == "langchain_agent.py":
        pytest.importorskip("langchain")
    if script.startswith(("llama_index", "files", "flywheel")):
        pytest.importorskip("llama_index.core")
    if script == "dask_cluster.py":
        pytest.importorskip("distributed")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LLM_ENGINE", "SCALE"))}
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, COOKBOOK / script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert done.stdout.rstrip().endswith("The engine has stopped.")
    assert len((COOKBOOK / script).read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("script", SCRIPTS)
def test_notebook(script):
    """It is made of the script as it is now, and was run with it."""
    name = script.removesuffix(".py")
    notebook = MAKER["read"](name)
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]] == MAKER["cells"](name), AGAIN
    assert notebook["metadata"]["made_from"] == MAKER["made_from"](name), AGAIN
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert MAKER["printed"](notebook).rstrip().endswith("The engine has stopped.")
    outputs = [output for cell in code for output in cell["outputs"]]
    assert {(output["output_type"], output.get("name")) for output in outputs} <= {
        ("stream", "stdout"),
        ("display_data", None),
    }
    kept = (COOKBOOK / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
    assert re.findall(r"/(?:home|root|tmp|Users)/", kept) == []
    assert str(COOKBOOK.parent) not in kept


AGAIN = "run `make notebooks`"


def test_there_is_no_notebook_without_a_script():
    assert [path.stem for path in sorted((COOKBOOK / "notebooks").iterdir())] == [
        one.removesuffix(".py") for one in SCRIPTS
    ]


def test_a_notebook_has_the_whole_script():
    """What is left out are the docstring, which is its text, imports that nothing needs, and the script's last lines."""
    for script in SCRIPTS:
        source = (COOKBOOK / script).read_text(encoding="utf-8").replace(MAKER["HERE"], 'Path("..")')
        code = "\n".join(text for kind, text in MAKER["cells"](script.removesuffix(".py")) if kind == "code")
        missing = [line for line in source.split('"""', 2)[2].splitlines() if line not in code.splitlines()]
        last = ['if __name__ == "__main__":', missing[-1]]
        assert missing[-2:] == last, script
        assert set(missing[:-2]) <= {"from __future__ import annotations", "import sys", "import asyncio"}, script
        assert "__file__" not in code
