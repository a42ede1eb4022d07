"""Make cookbook/notebooks from the cookbook's scripts, and run them: `make notebooks`.

    python docs/make_notebooks.py [NAME ...]     # those whose script, data or model has changed; or the named ones
    python docs/make_notebooks.py --all          # all of them
    python docs/make_notebooks.py --check        # run all and compare the output with the stored one; write nothing

A notebook has the script's docstring as its text. The imports, the constants, and each function and class have a cell. The last cell
calls `main`. The tests compare the cells with the scripts, and `made_from` with a digest of what the outputs depend on.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parent.parent
COOKBOOK = ROOT / "cookbook"
NOTEBOOKS = COOKBOOK / "notebooks"
MODEL = ROOT / "src" / "llmengine_integrations" / "engine" / "default_model"
SCRIPTS = sorted(path.stem for path in COOKBOOK.glob("*.py"))
HERE = "Path(__file__).parent"  # in a notebook there is no __file__, but it runs in its own folder
OWN_MODULES = 'import sys\n\nsys.path.insert(0, "..")  # the cookbook\'s own modules'
VARYING = re.compile(r"\b(job|file|ft)-[0-9a-f]+|\d[\d.]*|\x1b\[[0-9;]*m| +|[━─┏┓┡┩└┘┬┴]+")
"""What differs in each run: ids, numbers, and the lines drawn around them."""
LIMIT = 300  # seconds for a cell


def cells(name: str) -> list[tuple[str, str]]:
    """The cells of a script's notebook: `markdown` or `code`, and the text."""
    source = (COOKBOOK / f"{name}.py").read_text(encoding="utf-8")
    question, _, rest = (ast.get_docstring(ast.parse(source)) or "").partition("\n\n")
    made_of = f"This is [{name}.py](../{name}.py) as a notebook."
    code = list(_code(source))
    if _own_modules(source):
        code.insert(0, OWN_MODULES)
    return [("markdown", "\n\n".join(filter(None, [f"# {question}", rest, made_of]))), *(("code", one) for one in code)]


def made_from(name: str) -> str:
    """A digest of what the outputs depend on: the script with its modules and data, and the model."""
    source = (COOKBOOK / f"{name}.py").read_text(encoding="utf-8")
    used = [COOKBOOK / f"{one}.py" for one in [name, *_own_modules(source)] if one in SCRIPTS]
    digest = hashlib.sha256()
    for path in [*used, *sorted((COOKBOOK / "data").glob("*.*")), MODEL / "model.safetensors"]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def read(name: str) -> dict[str, Any]:
    """Return the stored notebook, or one without cells."""
    path = NOTEBOOKS / f"{name}.ipynb"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"metadata": {}, "cells": []}


def printed(notebook: dict[str, Any]) -> str:
    """The output of its cells, as text."""
    return "".join(_text(output) for cell in notebook["cells"] for output in cell.get("outputs", ()))


def run(name: str) -> dict[str, Any]:
    """Make a script's notebook and run it in the folder where it is kept.

    Raises:
        CellExecutionError: A cell failed. The last cell fails if an answer is wrong.
    """
    from nbclient import NotebookClient  # noqa: PLC0415 - the tests do not need it
    from nbformat import v4  # noqa: PLC0415 - the tests do not need it
    from traitlets.config import Config  # noqa: PLC0415 - the tests do not need it

    made: Any = v4.new_notebook(
        metadata={"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    )
    for number, (kind, source) in enumerate(cells(name)):
        new = v4.new_markdown_cell if kind == "markdown" else v4.new_code_cell
        made.cells.append(new(source, id=f"{name}-{number}"))
    with TemporaryDirectory() as folder:  # for the kernel's sockets; other users can reach ports, but not these
        config = Config(KernelManager={"transport": "ipc", "ip": f"{folder}/kernel"})
        here = {"metadata": {"path": str(NOTEBOOKS)}}
        NotebookClient(made, config=config, timeout=LIMIT, record_timing=False, resources=here).execute()
    for cell in made.cells:
        if "outputs" in cell:
            cell.outputs = _joined(cell.outputs)
    made.metadata["language_info"] = {"name": "python"}
    made.metadata["made_from"] = made_from(name)
    return made


def _code(source: str) -> Iterator[str]:
    """Yield the code of each cell, without what only a script needs."""
    tree, lines = ast.parse(source), source.splitlines()
    body = [node for node in tree.body[1:] if not (isinstance(node, ast.ImportFrom) and node.module == "__future__")]
    *body, last = body
    if not isinstance(last, ast.If):
        raise TypeError("a script ends with `if __name__ == ...`")
    needed, end = "\n".join(lines[: last.lineno - 1]), body[0].lineno - 1
    for _, group in groupby(body, _kind):
        begin, end = end, list(group)[-1].end_lineno or 0
        piece = [line for line in lines[begin:end] if not _is_unused_import(line, needed)]
        yield "\n".join(piece).strip("\n").replace(HERE, 'Path("..")')
    waiting = "await " if any(isinstance(node, ast.AsyncFunctionDef) and node.name == "main" for node in body) else ""
    yield f"assert {waiting}main() == 0"


def _kind(node: ast.stmt) -> object:
    """Consecutive statements of one kind share a cell; each function or class has its own."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return "imports"
    return node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else "constants"


def _is_unused_import(line: str, code: str) -> bool:
    """Whether the line is an import that only the script's last lines need, such as `import sys`."""
    found = re.fullmatch(r"import (\w+)", line)
    return found is not None and f"{found[1]}." not in code


def _own_modules(source: str) -> list[str]:
    found = [node.module or "" for node in ast.parse(source).body if isinstance(node, ast.ImportFrom)]
    return [name for name in found if name in SCRIPTS or name.startswith("data.")]


def _joined(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join consecutive pieces of a stream, which is cut at random places."""
    joined: list[dict[str, Any]] = []
    for output in outputs:
        if joined and "name" in output and output["name"] == joined[-1].get("name"):
            joined[-1]["text"] += output["text"]
        else:
            joined.append(output)
    return joined


def _text(output: dict[str, Any]) -> str:
    found = output["text"] if "text" in output else output["data"].get("text/plain", "")
    return "".join(found)


def main() -> int:
    """Make the requested notebooks. Return 1 if a notebook fails, or a check finds another output."""
    import nbformat  # noqa: PLC0415 - the tests do not need it
    from nbclient.exceptions import CellExecutionError  # noqa: PLC0415 - the tests do not need it

    given = [name for name in sys.argv[1:] if not name.startswith("-")]
    checking, everything = "--check" in sys.argv, "--all" in sys.argv
    stale = [name for name in SCRIPTS if read(name)["metadata"].get("made_from") != made_from(name)]
    NOTEBOOKS.mkdir(exist_ok=True)
    wrong = 0
    for name in given or (SCRIPTS if checking or everything else stale):
        try:
            made = run(name)
        except CellExecutionError as error:
            print(f"== {name}: {error}", flush=True)
            wrong += 1
            continue
        if not checking:
            nbformat.write(made, NOTEBOOKS / f"{name}.ipynb")
            print(f"== cookbook/notebooks/{name}.ipynb", flush=True)
        elif VARYING.sub("", printed(made)) != VARYING.sub("", printed(read(name))):
            print(f"== {name}: the stored notebook has other output than\n{printed(made)}", flush=True)
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
