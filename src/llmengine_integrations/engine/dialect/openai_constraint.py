"""The constraint on the text of an OpenAI-style request: from `response_format`, guided_* fields, or a required tool call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from llmengine_integrations.wire.chat_messages import ToolParam

from ..runtime.constraint_checks import check_size, json_constraint, json_object_constraint
from ..runtime.constraints import (
    Constraint,
    ConstraintError,
    JsonConstraint,
    JsonSchema,
    ToolCallConstraint,
    ToolSignature,
)
from .errors import RefusedError
from .guided_fields import guided_constraint

_ANY_OBJECT: dict[str, Any] = {"type": "object"}
_OPENING = frozenset({"$ref", "allOf", "anyOf", "oneOf", "patternProperties"})
"""Keywords that may define properties outside `properties`."""
_NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


async def read_constraint(
    fields: Mapping[str, Any], tools: Sequence[ToolParam] = (), *, forced: bool = False, parallel: bool = True
) -> Constraint | None:
    """A request's constraint; None if its text is unconstrained.

    Args:
        fields: the request.
        tools: the tools that may be called.
        forced: whether the text must consist of one or more calls.
        parallel: whether more than one call is allowed.

    Raises:
        RefusedError: 400; a constraint is invalid, or there is more than one.
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
        return _calls(tools, parallel=parallel)
    if schema is None:
        return guided
    if not tools:
        return json_object_constraint() if schema is _ANY_OBJECT else _checked("response_format", schema)
    reply = _checked("response_format", schema).schema
    return _calls(tools, parallel=parallel, reply=reply)


def _response_schema(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    wanted: dict[str, Any] = fields.get("response_format") or {"type": "text"}
    if wanted["type"] == "text":
        return None
    named: dict[str, Any] = wanted.get("json_schema") or {}
    return named.get("schema") or _ANY_OBJECT


def _calls(tools: Sequence[ToolParam], *, parallel: bool, reply: JsonSchema | None = None) -> ToolCallConstraint:
    """A constraint that allows one call, or one call per line, to any of the tools."""
    try:
        check_size([tool["function"].get("parameters") or {} for tool in tools])
    except ConstraintError as error:
        raise ConstraintError(f"tools: {error}") from error
    return ToolCallConstraint(tools=tuple(map(_signature, tools)), parallel=parallel, reply=reply)


def _signature(tool: ToolParam) -> ToolSignature:
    function = tool["function"]
    parameters = function.get("parameters")
    schema = _NO_ARGUMENTS if parameters is None else {**_closed(parameters), "type": "object"}
    checked = _checked(f"The parameters of the tool {function['name']}", schema)
    return ToolSignature(function["name"], checked.schema)


def _closed(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with additional properties forbidden, because tools refuse unknown arguments."""
    if "properties" not in parameters or not _OPENING.isdisjoint(parameters):
        return dict(parameters)
    return {"additionalProperties": False, **parameters}


def _checked(name: str, schema: Mapping[str, Any]) -> JsonConstraint:
    try:
        return json_constraint(schema)
    except ConstraintError as error:
        raise ConstraintError(f"{name}: {error}") from error
