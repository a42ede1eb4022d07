"""Tool calls as a model writes them: joins the pieces of a stream, and parses the arguments.

A call is executed completely or not at all. Truncated arguments are never completed, and missing arguments are never invented.
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
"""The finish reasons of a model that ended its reply itself."""
_CUT_OFF = {
    "length": "The arguments were cut off: the reply reached its maximum length (max_new_tokens).",
    "content_filter": "The arguments were cut off by the content filter.",
}


@dataclass(slots=True)
class WrittenCall:
    """A call as the model wrote it; in a stream, the part written so far.

    Attributes:
        number: The position among the calls of the reply, from 0.
        index: The server's index, which several calls may share.
        id: The server's id; "" if there is none.
        name: The name of the tool; "" if there is none.
        arguments: The text of the arguments.
    """

    number: int
    index: int = 0
    id: str = ""
    name: str = ""
    arguments: str = ""

    @property
    def whole(self) -> bool:
        """Whether the arguments are a complete JSON object, to which nothing can be added."""
        return self.arguments.rstrip().endswith("}") and read_arguments(self.arguments)[0] is not None


class Piece(NamedTuple):
    """The text that a delta adds to a call, "" for unchanged parts. `start` is the previous length of the arguments."""

    call: WrittenCall
    id: str
    name: str
    arguments: str
    start: int


class StreamedCalls:
    """The calls of one streamed choice.

    Servers differ, so both adapters follow these rules. A delta belongs to the call with the same index and id. If there is no such call,
    it belongs to the last call with its index or, if the delta has no index, with its id. It starts a new call if it names a tool and

    - has a different id, or
    - has a different name, and the arguments of the call have started, or
    - does not have the call's id, and the arguments of the call are already complete.

    A name that equals the name so far is a repetition. Any other name before the start of the arguments is the next part of the name. The
    first id counts. `function_call`, which OpenAI has deprecated, is a call too, unless the reply has `tool_calls`: some servers send both.
    """

    def __init__(self) -> None:
        self.calls: list[WrittenCall] = []
        """The calls, in the order in which they started."""
        self._is_legacy = False

    def feed(self, delta: ChatDelta) -> list[Piece]:
        """Add the delta of a chunk."""
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
        """The call that a delta belongs to, or after which it starts a new call; None if it starts a call at a new index."""
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
        return latest[0] if latest and delta.index == 0 else None  # a missing index is also read as 0


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
    """The calls of a non-streamed reply."""
    if message.tool_calls:
        return [
            WrittenCall(number, number, call.id, call.function.name, call.function.arguments)
            for number, call in enumerate(message.tool_calls)
        ]
    legacy = message.function_call
    return [] if legacy is None else [WrittenCall(0, 0, "", legacy.name, legacy.arguments)]


def identified(calls: Iterable[WrittenCall]) -> None:
    """Give an id to the calls without one, because the result of a call is sent back under its id."""
    for call in calls:
        call.id = call.id or new_call_id()


def new_call_id() -> str:
    """A new id for a call."""
    return f"call_{uuid.uuid4().hex}"


def read_call(
    name: str | None, written: object, finish_reason: str | None = "stop"
) -> tuple[dict[str, Any] | None, str]:
    """Like `read_arguments`, but a call without a name is also an error."""
    arguments, problem = read_arguments(written, finish_reason)
    return (arguments, problem) if name or arguments is None else (None, "The call has no name.")


def read_arguments(written: object, finish_reason: str | None = "stop") -> tuple[dict[str, Any] | None, str]:
    """The arguments of a finished call and "", or None and the error in the arguments.

    `null` and an empty text mean that there are no arguments. An object inside a JSON string is unwrapped. Control characters, such as
    newlines, are allowed in strings.

    Args:
        written: The model's text.
        finish_reason: Why the reply ended. If the model did not end it itself, an empty text means that the arguments are missing.
    """
    if isinstance(written, Mapping):
        return dict(cast("Mapping[str, Any]", written)), ""
    if written is None or (isinstance(written, str) and not written.strip()):
        problem = _CUT_OFF.get(finish_reason or "", "The reply ended before the arguments were written.")
        return ({}, "") if finish_reason in _ENDED else (None, problem)
    try:
        found = _value(written)
    except (ValueError, RecursionError) as error:  # RecursionError for thousands of nested brackets
        cut_off = _CUT_OFF.get(finish_reason or "")
        return None, f"{cut_off} ({error})" if cut_off else f"The arguments are not valid JSON: {error}."
    if found is None or isinstance(found, dict):
        return cast("dict[str, Any]", found or {}), ""
    return None, "The arguments are JSON, but not an object."


def _value(written: object) -> object:
    found = json.loads(written, strict=False) if isinstance(written, str) else written
    return json.loads(found, strict=False) if isinstance(found, str) else found


def sendable_arguments(written: str | Mapping[str, Any]) -> str:
    """The arguments of an earlier call in a request, always as a JSON object.

    vLLM and SGLang parse them for the model's chat template, and refuse the whole chat if they are not a JSON object. For a call that was
    never executed, the result is `{}`.
    """
    if isinstance(written, str) and _is_object(written):
        return written
    return json.dumps(read_arguments(written)[0] or {}, ensure_ascii=False)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
