"""Converts constraints to llguidance's format, for any runtime that uses llguidance. Does not import torch."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING

from llguidance import LLMatcher, LLParserLimits

from .constraints import (
    CALL_CLOSE,
    CALL_OPEN,
    ChoiceConstraint,
    Constraint,
    ConstraintError,
    GrammarConstraint,
    JsonConstraint,
    JsonSchema,
    RegexConstraint,
    ToolCallConstraint,
    ToolSignature,
)
from .gbnf import GbnfError, gbnf_to_lark, is_gbnf

if TYPE_CHECKING:
    from llguidance._lib import JsonCompileOptions

_LONGEST_REASON = 500  # characters; an error may quote the whole constraint

_PLACE = re.compile(r"\s{4}|\s*\d+ \|")

_JSON: JsonCompileOptions = {
    "whitespace_flexible": False,  # otherwise a model may write nothing but spaces
    "item_separator": ", ?",  # regular expressions: models are trained on both styles
    "key_separator": ": ?",
    "coerce_one_of": False,  # would allow values that match two of the cases
    "lenient": False,  # would ignore unknown keywords
}


def llguidance_grammar(constraint: Constraint) -> str:
    """A constraint in llguidance's own format.

    Raises:
        ConstraintError: it cannot be written in this format. The text says why.
    """
    match constraint:
        case JsonConstraint(schema):
            return _json_grammar(schema)
        case RegexConstraint(pattern):
            return LLMatcher.grammar_from_regex(pattern)
        case ChoiceConstraint(choices):
            return LLMatcher.grammar_from_lark("start: " + " | ".join(map(_literal, choices)))
        case GrammarConstraint(text):
            return LLMatcher.grammar_from_lark(_lark(text))
        case ToolCallConstraint():
            return LLMatcher.grammar_from_lark(_tool_calls(constraint))


def matcher_error(matcher: LLMatcher) -> str | None:
    """Why a matcher cannot continue, in one line; None if it can."""
    if not matcher.is_error():
        return None
    error = matcher.get_error()
    return "It allows no text." if error.startswith("NoExtension") else one_line(error)


@cache
def limits() -> LLParserLimits:
    """The limits on the work of finding the next tokens. A constraint that exceeds them fails.

    llguidance's own limit is five times as high. With it, a short but highly ambiguous grammar blocks all requests for ten seconds
    per token.
    """
    return LLParserLimits(step_max_items=10_000)


def one_line(error: str) -> str:
    """The error in one line, without llguidance's internals and without the lines that show the position."""
    lines = error.partition("<state>")[0].splitlines()
    shown = " ".join(" ".join(line for line in lines if not _PLACE.match(line)).split())
    return shown if len(shown) <= _LONGEST_REASON else shown[:_LONGEST_REASON] + "..."


def _json_grammar(schema: JsonSchema) -> str:
    try:
        return LLMatcher.grammar_from_json_schema(schema.text, overrides=_JSON)
    except (ValueError, RecursionError) as error:
        raise ConstraintError(one_line(str(error))) from error


def _lark(text: str) -> str:
    try:
        return gbnf_to_lark(text) if is_gbnf(text) else text
    except GbnfError as error:
        raise ConstraintError(one_line(str(error))) from error


def _tool_calls(constraint: ToolCallConstraint) -> str:
    more = ' ("\\n" call)*' if constraint.parallel else ""
    alternatives = " | ".join(f"call{number}" for number in range(len(constraint.tools)))
    rules = [f"call: {alternatives}", *(_call(number, tool) for number, tool in enumerate(constraint.tools))]
    if constraint.reply is None:
        return "\n".join([f"start: call{more}", *rules])
    return "\n".join(["start: reply | calls", f"reply: {_json_rule(constraint.reply)}", f"calls: call{more}", *rules])


def _call(number: int, tool: ToolSignature) -> str:
    before = f'{CALL_OPEN}{{"name": {json.dumps(tool.name, ensure_ascii=False)}, "arguments": '
    return f"call{number}: {_literal(before)} {_json_rule(tool.parameters)} {_literal(f'}}{CALL_CLOSE}')}"


def _json_rule(schema: JsonSchema) -> str:
    """The JSON of a schema as part of a Lark grammar, to be used in place of a rule name."""
    return f"%json {json.dumps({**schema.value(), 'x-guidance': _JSON})}"


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
