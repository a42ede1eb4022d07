"""LangChain's tools for models that only complete text: which of them a call guides the text to, and what was written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from ...prompting.guided_tools import GuidedTools
from .tools import Calls, parsed_calls

_ANY_OBJECT: dict[str, Any] = {"type": "object"}


class Answer(NamedTuple):
    """What the model wrote."""

    text: str
    calls: Calls


def tools_of(params: Mapping[str, Any]) -> GuidedTools | None:
    """The tools that a call may use; None if there are none, or none may be used."""
    choice: Any = params.get("tool_choice") or "auto"
    named = isinstance(choice, dict)
    tools = GuidedTools(
        params.get("tools") or (),
        cast("dict[str, Any]", choice)["function"]["name"] if named else choice,
        parallel=not named and params.get("parallel_tool_calls") is not False,
        answer=reply_schema(params) or {"type": "string"},
    )
    return tools if tools.active else None


def reply_schema(params: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema that `response_format` asks for."""
    wanted = params.get("response_format") or {"type": "text"}
    match wanted:
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            return schema
        case {"type": "text"}:
            return None
        case _:
            return _ANY_OBJECT


def read_answer(tools: GuidedTools, text: str) -> Answer:
    """What a model wrote that was guided to calls.

    A call that was cut off is invalid. It has the whole text as a JSON string: LangChain would complete anything else to an object when
    it adds up a stream, and take it for a call. So is what was written instead of a call that had to be made.
    """
    reply = tools.finish(text)
    calls: list[tuple[str | None, str]] = [
        (call.name or None, json.dumps(call.arguments, ensure_ascii=False)) for call in reply.calls
    ]
    instead = tools.choice != "auto" and not calls and bool(text.strip())
    if instead:
        calls = [(None, json.dumps(text, ensure_ascii=False))]
    found = parsed_calls([(name, arguments, None) for name, arguments in calls])
    return Answer("" if instead else reply.answer, found)
