"""Creates constraints and checks them on creation. Does not import torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, cast

from llguidance import LLMatcher, LLTokenizer

from .constraints import (
    ChoiceConstraint,
    Constraint,
    ConstraintError,
    GrammarConstraint,
    JsonConstraint,
    JsonSchema,
    RegexConstraint,
)
from .llguidance_grammars import limits, llguidance_grammar, matcher_error, one_line

_LONGEST = 100_000  # characters of a constraint: at this size, checking and compiling take up to a second each
_MOST_CHOICES = 1900  # llguidance handles 2,000 alternatives, but takes long to detect that there are more
_MOST_PROPERTIES = 2000  # of a JSON schema: the time grows with their square


def json_constraint(schema: Mapping[str, Any]) -> JsonConstraint:
    """A constraint to JSON that a schema allows.

    Objects have their properties in the schema's order. Keywords that cannot be guaranteed (`not`, `uniqueItems`, `if`, a `oneOf`
    whose cases overlap, ...) are errors.

    Raises:
        ConstraintError: the schema is invalid, uses such a keyword, allows nothing, or is too large.
    """
    check_size([schema])
    try:
        constraint = JsonConstraint(JsonSchema.of(schema))
    except (ValueError, RecursionError) as error:
        raise ConstraintError(one_line(str(error))) from error
    _check_satisfiable(constraint)
    return constraint


def json_object_constraint() -> JsonConstraint:
    """A constraint to any JSON object."""
    return json_constraint({"type": "object"})


def check_size(schemas: Iterable[Mapping[str, Any]]) -> None:
    """Refuse JSON schemas that would together take too long to check.

    Raises:
        ConstraintError: they are too large. The text states the limit.
    """
    found = list(schemas)
    try:
        _check_length(json.dumps(found, ensure_ascii=False))
        properties = sum(map(_properties, found))
    except RecursionError as error:
        raise ConstraintError("It is too deeply nested.") from error
    if properties > _MOST_PROPERTIES:
        raise ConstraintError(f"There are more than {_MOST_PROPERTIES} properties, the most that this engine takes.")


def regex_constraint(pattern: str) -> RegexConstraint:
    """A constraint to text that fully matches a regular expression, in Rust's syntax: no look-around, no back-references.

    Raises:
        ConstraintError: the expression is invalid, too long, or matches nothing.
    """
    _check_length(pattern)
    constraint = RegexConstraint(_text(pattern))
    _check_satisfiable(constraint)
    return constraint


def choice_constraint(choices: Sequence[str]) -> ChoiceConstraint:
    """A constraint to one of several texts.

    Raises:
        ConstraintError: there are no choices, or too many.
    """
    if not choices:
        raise ConstraintError("There must be at least one choice.")
    if len(choices) > _MOST_CHOICES:
        raise ConstraintError(f"There are {len(choices)} choices; this engine takes up to {_MOST_CHOICES}.")
    _check_length("".join(choices))
    constraint = ChoiceConstraint(tuple(map(_text, choices)))
    _check_satisfiable(constraint)
    return constraint


def grammar_constraint(text: str) -> GrammarConstraint:
    """A constraint to text that follows a context-free grammar.

    The grammar is GBNF, the EBNF of llama.cpp and vLLM (`root ::= ...`), or Lark as llguidance understands it (`start: ...`).

    Raises:
        ConstraintError: the grammar is invalid, or too long.
    """
    _check_length(text)
    constraint = GrammarConstraint(_text(text))
    # Checked without a tokenizer, because a grammar may name a model's special tokens. A grammar that allows nothing is detected later.
    failed, messages = LLMatcher.validate_grammar_with_warnings(llguidance_grammar(constraint))
    if failed:
        raise ConstraintError(one_line(messages[0]))
    return constraint


@cache
def _bytes() -> LLTokenizer:
    """A vocabulary of single bytes for testing constraints."""
    return LLTokenizer("byte")


def _check_satisfiable(constraint: Constraint) -> None:
    matcher = LLMatcher(_bytes(), llguidance_grammar(constraint), log_level=0, limits=limits())
    matcher.compute_bitmask()
    if (reason := matcher_error(matcher)) is not None:
        raise ConstraintError(reason)


def _check_length(text: str) -> None:
    if len(text) > _LONGEST:
        raise ConstraintError(f"It has {len(text)} characters; this engine takes up to {_LONGEST}.")


def _properties(schema: object) -> int:
    """The number of properties in a schema, including nested schemas."""
    if isinstance(schema, list):
        return sum(map(_properties, cast("list[object]", schema)))
    if not isinstance(schema, dict):
        return 0
    inner = cast("dict[str, object]", schema)
    listed = inner.get("properties")
    own = len(cast("dict[str, object]", listed)) if isinstance(listed, dict) else 0
    return own + sum(map(_properties, inner.values()))


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConstraintError("It contains an unpaired surrogate, which is not valid text.") from error
    return text
