"""Constraints on the generated text, as data. Each runtime converts them to its own form.

The functions in `constraint_checks` create and check these values, so that a request with an invalid constraint is refused before
generation starts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

CALL_OPEN = "<tool_call>"
CALL_CLOSE = "</tool_call>"
"""The tags around the JSON of a tool call in a text: the format of Hermes and Qwen models, and of the model in this package."""


class ConstraintError(Exception):
    """A constraint that is invalid or cannot be enforced. The text says why."""


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """A JSON schema, stored as JSON text so that constraints are immutable and can be compared.

    Attributes:
        text: the schema as JSON.
    """

    text: str

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> Self:
        """The schema in a mapping."""
        return cls(json.dumps(schema))

    def value(self) -> dict[str, Any]:
        """The schema as a new dictionary, which the caller may change."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class JsonConstraint:
    """JSON that a schema allows, on one line, with at most one space after commas and colons."""

    schema: JsonSchema


@dataclass(frozen=True, slots=True)
class RegexConstraint:
    """Text that fully matches a regular expression, in Rust's syntax."""

    pattern: str


@dataclass(frozen=True, slots=True)
class ChoiceConstraint:
    """One of several texts."""

    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GrammarConstraint:
    """Text that follows a context-free grammar.

    Attributes:
        text: GBNF (`root ::= ...`), or Lark as llguidance understands it (`start: ...`).
    """

    text: str


@dataclass(frozen=True, slots=True)
class ToolSignature:
    """A tool that a text may call."""

    name: str
    parameters: JsonSchema
    """The schema of the arguments, an object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallConstraint:
    """Text that is a tool call: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`."""

    tools: tuple[ToolSignature, ...]
    parallel: bool = True
    """Whether several calls are allowed, each on its own line."""
    reply: JsonSchema | None = None
    """If set, the text may instead be JSON that this schema allows. If None, the text must be a call."""


Constraint: TypeAlias = JsonConstraint | RegexConstraint | ChoiceConstraint | GrammarConstraint | ToolCallConstraint
