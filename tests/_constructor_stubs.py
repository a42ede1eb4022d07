"""What the constructor that type checkers see takes."""

from __future__ import annotations

import ast
import inspect
import textwrap


def stubbed_names(model: type) -> set[str]:
    """The names in the signature of a class's constructor, which only its source has."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    (init,) = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    return {argument.arg for argument in init.args.kwonlyargs}
