"""Converts GBNF, the grammar format of llama.cpp that vLLM accepts as EBNF, to Lark. llguidance converts; this fills its gaps."""

from __future__ import annotations

import re

from llguidance import gbnf_to_lark as _converter

_RULE = re.compile(r"^\s*[\w-]+\s*::=", re.MULTILINE)
_PARTS = re.compile(
    r"""(?P<quoted>"(?:\\.|[^"\\\n])*" | \[(?:\\.|[^\]\\\n])*\]) | (?P<comment>\#[^\n]*) | (?P<alternative>\s*\n\s*\|)""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_SPECIAL = '"\\[]^-/'  # characters that may be escaped because they have a special meaning


class GbnfError(Exception):
    """An invalid grammar. The text says why."""


def is_gbnf(text: str) -> bool:
    """Whether a grammar has rules of the form `name ::= ...`."""
    return _RULE.search(text) is not None


def gbnf_to_lark(text: str) -> str:
    """Convert a grammar to Lark.

    Raises:
        GbnfError: the grammar is invalid.
    """
    # Comments are removed first, because one may precede a `|` on the next line.
    without_comments = _PARTS.sub(lambda part: "" if part["comment"] else part[0], text)
    joined = _PARTS.sub(lambda part: " |" if part["alternative"] else _unescaped(part[0]), without_comments)
    try:
        return _converter.gbnf_to_lark(joined)
    except RecursionError as error:
        raise GbnfError("The grammar is too deeply nested.") from error
    except Exception as error:  # the converter raises plain Exception for some errors
        raise GbnfError(str(error)) from error


def _unescaped(quoted: str) -> str:
    """A literal or character set with escaped code points replaced by their characters, because the converter corrupts the escapes."""
    return _ESCAPE.sub(_character, quoted)


def _character(escape: re.Match[str]) -> str:
    digits = escape[1] or escape[2] or escape[3]
    if digits is None:
        return escape[0]
    try:
        character = chr(int(digits, 16))
        character.encode()
    except (ValueError, OverflowError) as error:
        raise GbnfError(f"{escape[0]} is not a valid character.") from error
    return escape[0] if character in _SPECIAL or not character.isprintable() else character
