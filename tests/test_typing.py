"""The public calls have the types that `tests/typing` says, under both type checkers, and none is left out there."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.core._resource import Resource, _Endpoint

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "tests" / "typing").glob("*.py"))
CHECKERS = {
    "pyright": ["-m", "pyright", "--pythonpath", sys.executable],
    "mypy": ["-m", "mypy", "--strict", "--no-error-summary"],
}


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_checker(checker):
    pytest.importorskip(checker)
    command = [sys.executable, *CHECKERS[checker], *map(str, FILES)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)  # noqa: S603 - our own files
    assert done.returncode == 0, done.stdout + done.stderr


def calls_of(client: Client | AsyncClient) -> set[str]:
    return {
        f"{name}.{method}"
        for name in dir(client)
        if isinstance(resource := getattr(client, name), Resource)
        for kind in type(resource).__mro__
        for method, found in vars(kind).items()
        if isinstance(found, _Endpoint)
    }


def typed_calls(function: str) -> set[str]:
    """The `client.resource.method(...)` inside `assert_type(...)` in the functions of this name."""
    found = set()
    for file in FILES:
        for part in ast.parse(file.read_text()).body:
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and part.name == function:
                calls = (node.func for node in ast.walk(part) if isinstance(node, ast.Call))
                found |= {ast.unparse(call).removeprefix("client.") for call in calls}
    return found


@pytest.mark.parametrize(("made", "function"), [(Client, "blocking"), (AsyncClient, "awaited")])
def test_every_call_has_a_row(made, function):
    calls = calls_of(made("http://127.0.0.1:1"))
    assert "completions.create" in calls
    assert calls - typed_calls(function) == set()
