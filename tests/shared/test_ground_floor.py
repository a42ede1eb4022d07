"""What client and engine share stands on the standard library alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import llmengine_integrations._shared

FOLDER = Path(llmengine_integrations._shared.__file__).parent


def foreign(source: str) -> list[str]:
    """The imports of a module in the folder that are neither the standard library's nor from the folder itself."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level != 1:
            found.append("." * node.level + (node.module or ""))
    return [name for name in found if name.partition(".")[0] not in sys.stdlib_module_names]


def test_nothing_else_is_imported():
    modules = sorted(FOLDER.rglob("*.py"))
    assert len(modules) > 5
    assert {module.name: names for module in modules if (names := foreign(module.read_text("utf-8")))} == {}


def test_it_notices():
    assert foreign(
        "import pydantic.fields\nfrom ..wire import files\nfrom .stops import StopFilter\nimport os.path"
    ) == [
        "pydantic.fields",
        "..wire",
    ]
