"""What a text must look like: the guided_* fields and JSON schemas, checked, in the form that llguidance takes.

A constraint is checked when it is made, so that a request with an invalid one is refused before anything is generated. No torch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from .gbnf import GbnfError, gbnf_to_lark, is_gbnf

if TYPE_CHECKING:
    from llguidance._lib import JsonCompileOptions

_LONGEST = 100_000  # characters of a constraint: checking it takes up to a second then, and compiling it another
_MOST_CHOICES = (
    1900  # llguidance itself looks at 2,000 ways to go on at most, but takes long to find that there are more
)
_MOST_PROPERTIES = 2000  # of a JSON schema: the time goes with their square
_LONGEST_REASON = 500  # characters; an error may quote the whole constraint

_PLACE = re.compile(r"\s{4}|\s*\d+ \|")

_JSON: JsonCompileOptions = {
    "whitespace_flexible": False,  # else a model may write nothing but spaces
    "item_separator": ", ?",  # regular expressions: models are trained on both ways of writing
    "key_separator": ": ?",
    "coerce_one_of": False,  # would allow what matches two of them
    "lenient": False,  # would ignore keywords that it does not know
}


class ConstraintError(Exception):
    """A constraint that is invalid, or that cannot be kept to; the text says why."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a text must look like. Made by the functions below, which check it.

    Attributes:
        grammar: llguidance's own form of it.
    """

    grammar: str


def json_constraint(schema: Mapping[str, Any]) -> Constraint:
    """JSON that a schema allows, in one line, with at most one space behind commas and colons.

    Objects have their properties in the schema's order. Keywords that cannot be guaranteed (`not`, `uniqueItems`, `if`, a `oneOf`
    whose cases overlap, ...) are errors.

    Raises:
        ConstraintError: the schema is invalid, uses such a keyword, allows nothing, or is too large.
    """
    check_size([schema])
    try:
        return _satisfiable(LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=_JSON))
    except (ValueError, RecursionError) as error:
        raise ConstraintError(_reason(str(error))) from error


def check_size(schemas: Iterable[Mapping[str, Any]]) -> None:
    """Refuse JSON schemas that together would take long to check.

    Raises:
        ConstraintError: they are too large; the text says what may be.
    """
    found = list(schemas)
    try:
        _check_length(json.dumps(found, ensure_ascii=False))
        properties = sum(map(_properties, found))
    except RecursionError as error:
        raise ConstraintError("It is too deeply nested.") from error
    if properties > _MOST_PROPERTIES:
        raise ConstraintError(f"There are more than {_MOST_PROPERTIES} properties, the most that this engine takes.")


def json_object_constraint() -> Constraint:
    """Any JSON object."""
    return json_constraint({"type": "object"})


def json_rule(schema: Mapping[str, Any]) -> str:
    """The JSON of `json_constraint` as a part of a Lark grammar: stands where a rule's name may stand."""
    return f"%json {json.dumps({**schema, 'x-guidance': _JSON})}"


def regex_constraint(pattern: str) -> Constraint:
    """Text that a regular expression matches from beginning to end, in Rust's syntax: no look-around, no back-references.

    Raises:
        ConstraintError: the expression is invalid, too long, or matches nothing.
    """
    _check_length(pattern)
    return _satisfiable(LLMatcher.grammar_from_regex(_text(pattern)))


def choice_constraint(choices: Sequence[str]) -> Constraint:
    """One of several texts.

    Raises:
        ConstraintError: there is none, or there are too many.
    """
    if not choices:
        raise ConstraintError("There must be at least one choice.")
    if len(choices) > _MOST_CHOICES:
        raise ConstraintError(f"There are {len(choices)} choices; this engine takes up to {_MOST_CHOICES}.")
    _check_length("".join(choices))
    literals = (json.dumps(_text(choice), ensure_ascii=False) for choice in choices)
    return _satisfiable(LLMatcher.grammar_from_lark("start: " + " | ".join(literals)))


def grammar_constraint(text: str) -> Constraint:
    """Text that follows a context-free grammar.

    The grammar is GBNF, the EBNF of llama.cpp and vLLM (`root ::= ...`), or Lark as llguidance understands it (`start: ...`).

    Raises:
        ConstraintError: the grammar is invalid, or too long.
    """
    _check_length(text)
    try:
        lark = gbnf_to_lark(_text(text)) if is_gbnf(text) else _text(text)
    except GbnfError as error:
        raise ConstraintError(_reason(str(error))) from error
    grammar = LLMatcher.grammar_from_lark(lark)
    # Without a tokenizer, because a grammar may name a model's special tokens. A grammar that allows nothing is found out later.
    failed, messages = LLMatcher.validate_grammar_with_warnings(grammar)
    if failed:
        raise ConstraintError(_reason(messages[0]))
    return Constraint(grammar)


_GUIDED: dict[str, Callable[[Any], Constraint]] = {
    "guided_json": lambda schema: json_constraint(_schema(schema)),
    "guided_choice": choice_constraint,
    "guided_regex": regex_constraint,
    "guided_grammar": grammar_constraint,
}


GUIDED_FIELDS = tuple(_GUIDED)
"""The fields of which a request can have one, in the gateway's order."""


def guided_constraint(fields: Mapping[str, Any]) -> Constraint | None:
    """The constraint of a request's guided_* fields; None without any.

    Takes milliseconds, for the largest constraints a second, in which other Python threads run.

    Raises:
        ConstraintError: the constraint is invalid, or there are several; the text names the field.
    """
    given = [name for name in _GUIDED if fields.get(name) is not None]
    if not given:
        return None
    if len(given) > 1:
        raise ConstraintError(f"Only one of {', '.join(_GUIDED)} can be enabled.")
    try:
        return _GUIDED[given[0]](fields[given[0]])
    except ConstraintError as error:
        raise ConstraintError(f"{given[0]}: {error}") from error


def failure(matcher: LLMatcher) -> str | None:
    """Why a matcher cannot go on, in one line; None if it can."""
    if not matcher.is_error():
        return None
    error = matcher.get_error()
    return "It allows no text." if error.startswith("NoExtension") else _reason(error)


@cache
def limits() -> LLParserLimits:
    """What finding the next tokens may take; a constraint that takes more fails.

    With llguidance's own limit, five times as high, a short grammar with many ways to read a text keeps everybody waiting for
    ten seconds a token.
    """
    return LLParserLimits(step_max_items=10_000)


@cache
def _bytes() -> LLTokenizer:
    """A vocabulary of bytes, to try constraints with."""
    return LLTokenizer("byte")


def _satisfiable(grammar: str) -> Constraint:
    matcher = LLMatcher(_bytes(), grammar, log_level=0, limits=limits())
    matcher.compute_bitmask()
    if (reason := failure(matcher)) is not None:
        raise ConstraintError(reason)
    return Constraint(grammar)


def _schema(given: object) -> Mapping[str, Any]:
    """A schema, which clients may send as text."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise ConstraintError(f"This is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise ConstraintError("A JSON schema must be an object.")
    return cast("dict[str, Any]", given)


def _check_length(text: str) -> None:
    if len(text) > _LONGEST:
        raise ConstraintError(f"It has {len(text)} characters; this engine takes up to {_LONGEST}.")


def _properties(schema: object) -> int:
    """How many properties a schema and what is in it have."""
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


def _reason(error: str) -> str:
    """The error in one line, without llguidance's internals and without the lines that show the place."""
    lines = error.partition("<state>")[0].splitlines()
    shown = " ".join(" ".join(line for line in lines if not _PLACE.match(line)).split())
    return shown if len(shown) <= _LONGEST_REASON else shown[:_LONGEST_REASON] + "..."
