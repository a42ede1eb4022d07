"""Translates tools and tool calls between LangChain's form and OpenAI's. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

from langchain_core.messages import InvalidToolCall, ToolCall, ToolCallChunk
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.json import parse_partial_json

from ...prompting.tool_calls import Piece, StreamedCalls, WrittenCall, identified, new_call_id, read_call
from ...wire.chat import ChatDelta

ToolLike: TypeAlias = dict[str, Any] | type | Callable[..., Any] | BaseTool
"""What can describe a tool: a LangChain tool, a function, a pydantic class, a TypedDict, a JSON schema, an OpenAI tool."""

_ENDINGS = ("]", "}", '"]', '"}', '""]', '""}')
_WORDS = {"any": "required", True: "required", False: None}


class Calls(NamedTuple):
    """The calls of a message: those that can be made, and those whose arguments are not a JSON object."""

    valid: list[ToolCall]
    invalid: list[InvalidToolCall]


def openai_tools(tools: Sequence[ToolLike], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Translate tools into the form in which they are sent."""
    return [convert_to_openai_tool(tool if strict is None else _function(tool), strict=strict) for tool in tools]


def openai_tool_choice(choice: object, tools: Sequence[Mapping[str, Any]]) -> str | dict[str, Any] | None:
    """Translate a tool choice into the form in which it is sent.

    Args:
        choice: "auto", "none", "required", or "any" or True for the same; a tool's name; a dict that names one in OpenAI's or
            Anthropic's form. None and False leave it to the server, which then lets the model choose.
        tools: the tools that are sent.

    Raises:
        ValueError: No tool has that name.
    """
    if choice is None or isinstance(choice, bool):
        return _WORDS[choice] if choice is not None else None
    if isinstance(choice, Mapping):
        return _named(_name(cast("Mapping[str, Any]", choice)), tools)
    word = _WORDS.get(str(choice), str(choice))
    return word if word in {"auto", "none", "required"} else _named(word, tools)


def parsed_calls(calls: Sequence[tuple[str | None, str, str | None]], finish_reason: str | None = "stop") -> Calls:
    """Return the calls of a complete reply. Each is given as its name, its arguments as the model wrote them, and its id."""
    found = Calls([], [])
    for name, written, given in calls:
        call_id = given or new_call_id()
        args, problem = read_call(name, written, finish_reason)
        if args is not None:
            found.valid.append(tool_call(name=name or "", args=args, id=call_id))
        else:
            found.invalid.append(invalid_tool_call(name=name, args=written, id=call_id, error=problem))
    return found


class CallChunks:
    """The calls of a stream in the form that LangChain adds up: each has its own index, and its name and id come once.

    At the end LangChain reads the arguments in its own way. It completes arguments that were cut off (`{"path": "/ho` becomes
    `{"path": "/ho"}`), and agents would make that half call. So arguments that are incomplete get brackets that make them invalid.
    LangChain also refuses arguments that do not begin as an object, such as `null`. So these are held back until the end, and then passed
    on as what they mean.
    """

    def __init__(self) -> None:
        self._calls = StreamedCalls()
        self._shown: set[int] = set()

    def feed(self, delta: ChatDelta) -> list[ToolCallChunk]:
        """Return what a chunk adds, one part for each call."""
        found: dict[int, list[str]] = {}
        for piece in self._calls.feed(delta):
            name, written, call_id = found.get(piece.call.number, ("", "", ""))
            found[piece.call.number] = [name + piece.name, written + self._added(piece), call_id + piece.id]
        return [
            tool_call_chunk(name=name or None, args=written, id=call_id or None, index=number)
            for number, (name, written, call_id) in found.items()
        ]

    def end(self, finish_reason: str | None) -> list[ToolCallChunk]:
        """Return what must be added to the calls, now that the reply has ended."""
        without_id = {call.number for call in self._calls.calls if not call.id}
        identified(self._calls.calls)
        return [
            tool_call_chunk(args=rest, id=call.id if call.number in without_id else None, index=call.number)
            for call in self._calls.calls
            for rest in [self._rest(call, finish_reason)]
            if rest or call.number in without_id
        ]

    def _added(self, piece: Piece) -> str:
        number = piece.call.number
        if number in self._shown:
            return piece.arguments
        so_far = piece.call.arguments[: piece.start + len(piece.arguments)]
        if not so_far.lstrip().startswith("{"):
            return ""
        self._shown.add(number)
        return so_far

    def _rest(self, call: WrittenCall, finish_reason: str | None) -> str:
        """Return what a call's arguments still need, so that LangChain reads them as this package does."""
        written, (args, _) = call.arguments, read_call(call.name, call.arguments, finish_reason)
        if call.number in self._shown:
            return "" if args is not None or not _completed(written) else _breaking_end(written)
        if args is None:
            return written or _ENDINGS[0]  # LangChain reads "" as {}
        return json.dumps(args, ensure_ascii=False) if written else ""


def _breaking_end(arguments: str) -> str:
    return next(ending for ending in _ENDINGS if not _completed(arguments + ending))


def _completed(text: str) -> bool:
    try:
        return isinstance(parse_partial_json(text), dict)
    except (ValueError, RecursionError):  # the latter for thousands of nested brackets
        return False


def _function(tool: ToolLike) -> ToolLike:
    """Return an OpenAI tool's function. LangChain can make a function strict, but leaves a tool as it is."""
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
    """Return the name in `{"type": "function", "function": {"name": ...}}` or `{"type": "tool", "name": ...}`."""
    function = cast("Mapping[str, Any]", choice.get("function") or choice)
    return function.get("name")
