"""The guided_* fields of a request, as a constraint."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

from ..runtime.constraint_checks import choice_constraint, grammar_constraint, json_constraint, regex_constraint
from ..runtime.constraints import Constraint, ConstraintError

_GUIDED: dict[str, Callable[[Any], Constraint]] = {
    "guided_json": lambda schema: json_constraint(_schema(schema)),
    "guided_choice": choice_constraint,
    "guided_regex": regex_constraint,
    "guided_grammar": grammar_constraint,
}


GUIDED_FIELDS = tuple(_GUIDED)
"""The guided_* fields, in the gateway's order. A request can have only one of them."""


def guided_constraint(fields: Mapping[str, Any]) -> Constraint | None:
    """The constraint of a request's guided_* fields; None if none is set.

    Takes milliseconds, or a second for the largest constraints. Other Python threads run meanwhile.

    Raises:
        ConstraintError: the constraint is invalid, or there is more than one. The text names the field.
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


def _schema(given: object) -> Mapping[str, Any]:
    """A schema, which clients may also send as JSON text."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise ConstraintError(f"This is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise ConstraintError("A JSON schema must be an object.")
    return cast("dict[str, Any]", given)
