"""No pattern of ours has a possessive quantifier or an atomic group.

Python has both since 3.11, but before 3.11.5, which Debian 12 does not have, they match more than they should when they are nested:
https://github.com/python/cpython/issues/106052. A pattern that never fails, or that repeats one set of characters, needs neither.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path
from re import _constants, _parser  # the only way to read a pattern as `re` does

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("src", "tests", "benchmarks", "cookbook", "docs", "recipes")
REFUSED = (_constants.POSSESSIVE_REPEAT, _constants.ATOMIC_GROUP)


def texts(tree: ast.AST) -> Iterator[tuple[int, str | bytes]]:
    """Every text but docstrings and `safe=`, urllib's list of characters, with its line; what an f-string fills in is a letter."""
    skipped = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) or (isinstance(node, ast.keyword) and node.arg == "safe")
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped.update(map(id, node.values))
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and id(node) not in skipped:
            yield node.lineno, node.value


def is_refused(text: str | bytes) -> bool:
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if not any(sign in raw for sign in (b"*+", b"++", b"?+", b"}+", b"(?>")):
        return False
    try:
        with warnings.catch_warnings(action="ignore"):
            return any(operation in _operations(_parser.parse(text)) for operation in REFUSED)
    except (_parser.error, OverflowError, RecursionError):  # it is no pattern
        return False


def _operations(parsed: object) -> Iterator[object]:
    if isinstance(parsed, _parser.SubPattern | list | tuple):
        for part in parsed:
            yield from _operations(part)
    else:
        yield parsed


def refused(source: str) -> list[int]:
    return [line for line, text in texts(ast.parse(source)) if is_refused(text)]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_pattern_is_possessive(folder):
    files = [path for path in (ROOT / folder).rglob("*.py") if path != Path(__file__)]
    assert files
    found = [f"{path.relative_to(ROOT)}:{line}" for path in files for line in refused(path.read_text("utf-8"))]
    assert found == [], "possessive quantifiers and atomic groups match wrongly on Python 3.11 before 3.11.5"


@pytest.mark.parametrize("suffix", ["*+", "++", "?+", "{2}+"])
@pytest.mark.parametrize(
    "form", ["re.compile(r'[ab]SUFFIXc')", "re.compile(rb'(?:(a)SUFFIX|b)*')", "P = rf'{x}SUFFIX'"]
)
def test_one_would_be_found(form, suffix):
    assert refused(form.replace("SUFFIX", suffix.replace("{2}", "{{2}}") if "rf" in form else suffix)) == [1]


def test_an_atomic_group_would_be_found():
    assert refused("re.match('x(?>a|b)', s)") == [1]


@pytest.mark.parametrize("source", [r"re.compile(r'[*+]+\++a+?')", '"a++ in a docstring"', "quote(x, safe='()*+')"])
def test_a_plus_that_is_meant_is_not_refused(source):
    assert refused(source) == []
