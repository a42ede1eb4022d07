"""Tool calls as a model writes them: the pieces of a stream put together, and the arguments read.

A call is made whole or not at all. Arguments that end too early are never completed, and arguments that are missing are never made up.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from ..wire.chat import ChatCompletionMessage, ChatDelta, FunctionCallDelta, ToolCallDelta

_ENDED = frozenset(
    {"stop", "tool_calls", "function_call", "eos_token", "stop_sequence", "end_turn", "tool_use"}  # TGI's, Anthropic's
)
"""The finish reasons of a model that had said everything."""
_CUT_OFF = {
    "length": "The arguments were cut off: the reply reached its maximum length (max_new_tokens).",
    "content_filter": "The arguments were cut off by the content filter.",
}


@dataclass(slots=True)
class WrittenCall:
    """A call as the model wrote it, in a stream as far as it is written.

    Attributes:
        number: Its place among the calls of the reply, from 0.
        index: The server's number of it, which several calls may share.
        id: The server's id; "" if there is none.
        name: The tool; "" if there is none.
        arguments: The text of the arguments.
    """

    number: int
    index: int = 0
    id: str = ""
    name: str = ""
    arguments: str = ""

    @property
    def whole(self) -> bool:
        """Whether the arguments are a whole JSON object, to which nothing can be added."""
        return self.arguments.rstrip().endswith("}") and read_arguments(self.arguments)[0] is not None


class Piece(NamedTuple):
    """What a delta adds to a call; "" for a part to which it adds nothing. `start` is how long the arguments were before."""

    call: WrittenCall
    id: str
    name: str
    arguments: str
    start: int


class StreamedCalls:
    """The calls of one streamed choice.

    Servers differ, so these are the rules, in both adapters. A delta belongs to the call that has its index and its id; if there is
    none, to the last call that has its index or, without an index of its own, its id. It begins another call if it names a tool and

    - has another id, or
    - has another name, and the arguments of the call have begun, or
    - does not have its id, and the arguments of the call are whole already.

    A name that equals the name so far is a repetition. Any other name, before the arguments begin, is the next part of the name. The
    first id counts. `function_call`, which OpenAI has deprecated, is a call too, unless the reply has `tool_calls`: some servers send both.
    """

    def __init__(self) -> None:
        self.calls: list[WrittenCall] = []
        """In the order in which they began."""
        self._is_legacy = False

    def feed(self, delta: ChatDelta) -> list[Piece]:
        """Take in what a chunk adds."""
        if delta.tool_calls and not self._is_legacy:
            return [self._piece(call) for call in delta.tool_calls]
        if delta.function_call is None or (self.calls and not self._is_legacy):
            return []
        self._is_legacy = True
        return [self._piece(ToolCallDelta(function=delta.function_call))]

    def _piece(self, delta: ToolCallDelta) -> Piece:
        function = delta.function or FunctionCallDelta()
        name, arguments = function.name or "", function.arguments or ""
        call = self._found(delta, name)
        if call is None or _begins_another(call, delta.id or "", name, arguments):
            call = WrittenCall(len(self.calls), delta.index)
            self.calls.append(call)
        piece = Piece(
            call, "" if call.id else delta.id or "", "" if name == call.name else name, arguments, len(call.arguments)
        )
        call.id += piece.id
        call.name += piece.name
        call.arguments += arguments
        return piece

    def _found(self, delta: ToolCallDelta, name: str) -> WrittenCall | None:
        """The call to which a delta belongs, or after which it begins another; None if it begins one at a new index."""
        latest = self.calls[::-1]
        here = [call for call in latest if call.index == delta.index]
        if delta.id and (same := next((call for call in here if call.id == delta.id), None)) is not None:
            return same
        if here:
            return here[0]
        if name:
            return None
        if delta.id:
            return next((call for call in latest if call.id == delta.id), None)
        return latest[0] if latest and delta.index == 0 else None  # 0 is also what a missing index reads as


def _begins_another(call: WrittenCall, call_id: str, name: str, arguments: str) -> bool:
    if not name:
        return False
    if call_id and call.id and call_id != call.id:
        return True
    if not call.arguments:
        return False
    if name != call.name and call.name:
        return True
    is_same = bool(call_id) and call_id == call.id
    return not is_same and arguments.lstrip().startswith("{") and call.whole


def whole_calls(message: ChatCompletionMessage) -> list[WrittenCall]:
    """The calls of a reply that came at once."""
    if message.tool_calls:
        return [
            WrittenCall(number, number, call.id, call.function.name, call.function.arguments)
            for number, call in enumerate(message.tool_calls)
        ]
    legacy = message.function_call
    return [] if legacy is None else [WrittenCall(0, 0, "", legacy.name, legacy.arguments)]


def identified(calls: Iterable[WrittenCall]) -> None:
    """Give an id to the calls that the server gave none: the result of a call is sent back under its id."""
    for call in calls:
        call.id = call.id or new_call_id()


def new_call_id() -> str:
    """An id for a call."""
    return f"call_{uuid.uuid4().hex}"


def read_call(
    name: str | None, written: object, finish_reason: str | None = "stop"
) -> tuple[dict[str, Any] | None, str]:
    """As `read_arguments`; a call without a name cannot be made either."""
    arguments, problem = read_arguments(written, finish_reason)
    return (arguments, problem) if name or arguments is None else (None, "The call has no name.")


def read_arguments(written: object, finish_reason: str | None = "stop") -> tuple[dict[str, Any] | None, str]:
    """The arguments of a call, once it is over, and "". Or None and what is wrong with them.

    `null`, and no text at all, mean that there are no arguments. An object inside a JSON string is that object. Control characters, such
    as line ends, may stand in strings.

    Args:
        written: What the model wrote.
        finish_reason: Why the reply ended. If the model did not end it itself, no text at all means that the arguments are missing.
    """
    if isinstance(written, Mapping):
        return dict(cast("Mapping[str, Any]", written)), ""
    if written is None or (isinstance(written, str) and not written.strip()):
        problem = _CUT_OFF.get(finish_reason or "", "The reply ended before the arguments were written.")
        return ({}, "") if finish_reason in _ENDED else (None, problem)
    try:
        found = _value(written)
    except (ValueError, RecursionError) as error:  # the latter for brackets nested by the thousand
        cut_off = _CUT_OFF.get(finish_reason or "")
        return None, f"{cut_off} ({error})" if cut_off else f"The arguments are not valid JSON: {error}."
    if found is None or isinstance(found, dict):
        return cast("dict[str, Any]", found or {}), ""
    return None, "The arguments are JSON, but not an object."


def _value(written: object) -> object:
    found = json.loads(written, strict=False) if isinstance(written, str) else written
    return json.loads(found, strict=False) if isinstance(found, str) else found


def sendable_arguments(written: str | Mapping[str, Any]) -> str:
    """The arguments of an earlier call for a request: always a JSON object.

    vLLM and SGLang read them for the model's chat template, and refuse the whole chat over text that is not one. For a call that was
    never made, that is `{}`.
    """
    if isinstance(written, str) and _is_object(written):
        return written
    return json.dumps(read_arguments(written)[0] or {}, ensure_ascii=False)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
