"""Tools and tool calls between LangChain's form and OpenAI's. Pure translation."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

from langchain_core.messages import InvalidToolCall, ToolCall
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.json import parse_partial_json

ToolLike: TypeAlias = dict[str, Any] | type | Callable[..., Any] | BaseTool
"""What describes a tool: a LangChain tool, a function, a pydantic class, a TypedDict, a JSON schema, an OpenAI tool."""

_ENDINGS = ("]", "}", '"]', '"}', '""]', '""}')
_WORDS = {"any": "required", True: "required", False: None}


class Calls(NamedTuple):
    """The calls of a message: those that can be made, and those whose arguments are no JSON object."""

    valid: list[ToolCall]
    invalid: list[InvalidToolCall]


def openai_tools(tools: Sequence[ToolLike], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Tools as they are sent."""
    return [convert_to_openai_tool(tool if strict is None else _function(tool), strict=strict) for tool in tools]


def openai_tool_choice(choice: object, tools: Sequence[Mapping[str, Any]]) -> str | dict[str, Any] | None:
    """A tool choice as it is sent.

    Args:
        choice: "auto", "none", "required", or "any" or True for the same; a tool's name; a dict that names one in OpenAI's or
            Anthropic's form. None and False leave it to the server, which then lets the model choose.
        tools: those that are sent.

    Raises:
        ValueError: There is no such tool.
    """
    if choice is None or isinstance(choice, bool):
        return _WORDS[choice] if choice is not None else None
    if isinstance(choice, Mapping):
        return _named(_name(cast("Mapping[str, Any]", choice)), tools)
    word = _WORDS.get(str(choice), str(choice))
    return word if word in {"auto", "none", "required"} else _named(word, tools)


def parsed_calls(calls: Sequence[tuple[str | None, str, str | None]]) -> Calls:
    """Calls, each given as its name, its arguments as the model wrote them, and its id."""
    found = Calls([], [])
    for name, arguments, call_id in calls:
        args, error = _arguments(arguments)
        if args is not None and name:
            found.valid.append(tool_call(name=name, args=args, id=call_id))
        else:
            found.invalid.append(invalid_tool_call(name=name, args=arguments, id=call_id, error=error))
    return found


def spoiling(arguments: str, *, cut_off: bool) -> str:
    """What to add to arguments that came to a stream's end unfinished, so that they are no call; nothing if they were finished.

    LangChain, when it adds up a stream, completes them (`{"path": "/ho` becomes `{"path": "/ho"}`), and agents would make the half call.

    Args:
        arguments: as they came.
        cut_off: whether the answer was ended at its greatest length: arguments that had not begun are no empty ones then.
    """
    if not arguments:
        return _ENDINGS[0] if cut_off else ""
    if _arguments(arguments)[0] is not None or not _completed(arguments):
        return ""
    return next(ending for ending in _ENDINGS if not _completed(arguments + ending))


def _completed(text: str) -> bool:
    try:
        return isinstance(parse_partial_json(text), dict)
    except (ValueError, RecursionError):  # the latter for brackets nested by the thousand
        return False


def _arguments(text: str) -> tuple[dict[str, Any] | None, str]:
    try:
        found: object = json.loads(text or "{}", strict=False)
    except (ValueError, RecursionError) as error:
        return None, f"The arguments are no JSON: {error}"
    if isinstance(found, dict):
        return cast("dict[str, Any]", found), "The call has no name."
    return None, "The arguments are no JSON object."


def _function(tool: ToolLike) -> ToolLike:
    """An OpenAI tool's function, which LangChain can make strict; it leaves the tool as it is."""
    match tool:
        case {"type": "function", "function": function}:
            return function
        case _:
            return tool


def _named(name: str | None, tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = [str(tool["function"]["name"]) for tool in tools if "function" in tool]
    if name not in names:
        raise ValueError(f"tool_choice: there is no tool {name!r} among {', '.join(names) or 'no tools'}.")
    return {"type": "function", "function": {"name": name}}


def _name(choice: Mapping[str, Any]) -> str | None:
    """The name in `{"type": "function", "function": {"name": ...}}` or `{"type": "tool", "name": ...}`."""
    function = cast("Mapping[str, Any]", choice.get("function") or choice)
    return function.get("name")
