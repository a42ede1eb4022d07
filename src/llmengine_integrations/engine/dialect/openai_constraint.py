"""What the text of an OpenAI-style request must look like: `response_format`, guided_* fields, and calls that are asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from llguidance import LLMatcher

from llmengine_integrations.wire.chat_messages import ToolParam

from ..runtime.constraints import (
    Constraint,
    ConstraintError,
    check_size,
    guided_constraint,
    json_constraint,
    json_object_constraint,
    json_rule,
)
from .errors import RefusedError
from .tool_calls import CLOSE, OPEN

_ANY_OBJECT: dict[str, Any] = {"type": "object"}
_OPENING = frozenset({"$ref", "allOf", "anyOf", "oneOf", "patternProperties"})
"""Keywords that may name properties elsewhere."""
_NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


async def read_constraint(
    fields: Mapping[str, Any], tools: Sequence[ToolParam] = (), *, forced: bool = False, parallel: bool = True
) -> Constraint | None:
    """A request's constraint; None if its text is free.

    Args:
        fields: the request.
        tools: those that may be called.
        forced: whether the text must be a call, or calls.
        parallel: whether there may be several.

    Raises:
        RefusedError: 400; a constraint is invalid, or there are several.
    """
    try:
        return await asyncio.to_thread(_constraint, fields, tools, forced=forced, parallel=parallel)
    except ConstraintError as error:
        raise RefusedError(400, str(error)) from error


def _constraint(
    fields: Mapping[str, Any], tools: Sequence[ToolParam], *, forced: bool, parallel: bool
) -> Constraint | None:
    guided = guided_constraint(fields)
    schema = _response_schema(fields)
    if guided is not None and (forced or schema is not None):
        other = "response_format" if schema is not None else "a tool_choice that forces a call"
        raise ConstraintError(f"Only one of guided_* and {other} can be enabled.")
    if forced:
        return _grammar(_calls(tools, parallel=parallel))
    if schema is None:
        return guided
    if not tools:
        return json_object_constraint() if schema is _ANY_OBJECT else _checked("response_format", schema)
    _checked("response_format", schema)
    return _grammar(
        f"start: reply | calls\nreply: {json_rule(schema)}\n{_calls(tools, parallel=parallel, start='calls')}"
    )


def _response_schema(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    wanted: dict[str, Any] = fields.get("response_format") or {"type": "text"}
    if wanted["type"] == "text":
        return None
    named: dict[str, Any] = wanted.get("json_schema") or {}
    return named.get("schema") or _ANY_OBJECT


def _calls(tools: Sequence[ToolParam], *, parallel: bool, start: str = "start") -> str:
    """The rules of one call, or of calls on several lines, to any of the tools."""
    try:
        check_size([tool["function"].get("parameters") or {} for tool in tools])
    except ConstraintError as error:
        raise ConstraintError(f"tools: {error}") from error
    rules = [_call_rule(number, tool) for number, tool in enumerate(tools)]
    alternatives = " | ".join(f"call{number}" for number in range(len(tools)))
    more = ' ("\\n" call)*' if parallel else ""
    return "\n".join([f"{start}: call{more}", f"call: {alternatives}", *rules])


def _call_rule(number: int, tool: ToolParam) -> str:
    function = tool["function"]
    name = json.dumps(function["name"], ensure_ascii=False)
    parameters = function.get("parameters")
    schema = _NO_ARGUMENTS if parameters is None else {**_closed(parameters), "type": "object"}
    _checked(f"The parameters of the tool {function['name']}", schema)
    before, after = f'{OPEN}{{"name": {name}, "arguments": ', f"}}{CLOSE}"
    return f"call{number}: {_literal(before)} {json_rule(schema)} {_literal(after)}"


def _closed(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of which there are no others than those that are listed: a tool refuses what it does not know."""
    if "properties" not in parameters or not _OPENING.isdisjoint(parameters):
        return dict(parameters)
    return {"additionalProperties": False, **parameters}


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _checked(name: str, schema: Mapping[str, Any]) -> Constraint:
    try:
        return json_constraint(schema)
    except ConstraintError as error:
        raise ConstraintError(f"{name}: {error}") from error


def _grammar(lark: str) -> Constraint:
    """A grammar whose parts have been checked."""
    return Constraint(LLMatcher.grammar_from_lark(lark))
