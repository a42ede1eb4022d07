"""The replies to chat requests: messages with tool calls, complete or in chunks."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..runtime.generation import Piece
from .choices import Arrival
from .openai_replies import Envelope, Tally, best, chat_logprobs
from .tool_calls import ParsedCall, ToolCallParser

_NULL_KEYS = ("service_tier", "system_fingerprint")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatForm:
    """The form of the reply."""

    model: str
    n: int = 1
    candidates: int = 1
    logprobs: bool = False
    tools: bool = False
    """Whether the text is searched for tool calls."""
    parallel: bool = True
    """Whether more than the first call is returned."""
    echo: str = ""
    """The text at the start of the content."""
    include_usage: bool = False


class ChatWriter:
    """Writes the reply of one chat request."""

    def __init__(self, form: ChatForm) -> None:
        self._form = form
        self._tally = Tally(form.candidates)
        self._readers = [_Reader(form) for _ in range(form.n)]
        self._envelope = Envelope("chatcmpl", form.model, "chat.completion")
        self._chunks = Envelope("chatcmpl", form.model, "chat.completion.chunk")

    def full_reply(self, choices: Sequence[list[Piece]]) -> object:
        """The body of a non-streamed reply."""
        for index, pieces in enumerate(choices):
            self._tally.count(index, pieces[-1])
        chosen = best(choices, self._form.candidates, self._form.n)
        found = [self._choice(index, pieces) for index, pieces in enumerate(chosen)]
        return self._envelope.body(found, self._tally.full_usage(), *_NULL_KEYS)

    def first(self) -> list[object]:
        """For every choice, a chunk with the role and the start of the content."""
        delta = {"content": self._form.echo, "role": "assistant"}
        return [self._chunks.chunk({"delta": delta, "index": index}) for index in range(self._form.n)]

    def chunks(self, arrival: Arrival) -> list[object]:
        """The chunks of some pieces of a choice."""
        found: list[object] = []
        for piece in arrival.pieces:
            found += self._piece(arrival.choice, piece)
        return found

    def last(self) -> list[object]:
        """The chunk with the usage, if the request asked for it."""
        return [self._chunks.usage_chunk(self._tally.usage())] if self._form.include_usage else []

    def _choice(self, index: int, pieces: Sequence[Piece]) -> dict[str, Any]:
        reader = self._readers[index]
        found = reader.read("".join(piece.text for piece in pieces), final=True)
        calls = [call for call in found if isinstance(call, ParsedCall)]
        content = self._form.echo + "".join(text for text in found if isinstance(text, str))
        logprobs = {"content": chat_logprobs(pieces), "refusal": None} if self._form.logprobs else None
        return {
            "finish_reason": reader.finish_reason(pieces[-1]),
            "index": index,
            "message": _message(content, calls),
            "logprobs": logprobs,
        }

    def _piece(self, index: int, piece: Piece) -> list[object]:
        reader = self._readers[index]
        deltas = list(reader.deltas(reader.read(piece.text, final=piece.finished)))
        logprobs = chat_logprobs([piece]) if self._form.logprobs else []
        if not deltas and (piece.finished or logprobs):
            deltas.append({} if reader.called else {"content": ""})
        elif piece.finished and "tool_calls" in deltas[-1]:
            deltas.append({})
        choices: list[dict[str, Any]] = [{"delta": delta} for delta in deltas]
        if logprobs:
            choices[0]["logprobs"] = {"content": logprobs}
        if piece.finished:
            self._tally.count(index, piece)
            choices[-1]["finish_reason"] = reader.finish_reason(piece)
        return [self._chunks.chunk({**choice, "index": index}) for choice in choices]


class _Reader:
    """Splits one choice's text into content and calls."""

    def __init__(self, form: ChatForm) -> None:
        self._parser = ToolCallParser() if form.tools else None
        self._parallel = form.parallel
        self._calls = 0

    @property
    def called(self) -> bool:
        """Whether there has been a call."""
        return self._calls > 0

    def read(self, text: str, *, final: bool) -> list[str | ParsedCall]:
        """Add more text. Returns the parts that are certain to be text or a call."""
        if self._parser is None:
            return [text] if text else []
        found = self._parser.push(text)
        if final:
            found += self._parser.finish()
        return [item for item in found if isinstance(item, str) or self._counts()]

    def deltas(self, found: Iterable[str | ParsedCall]) -> Iterable[dict[str, Any]]:
        """The deltas: text unchanged; for a call, its name and then its arguments."""
        items = list(found)
        number = self._calls - sum(isinstance(item, ParsedCall) for item in items)
        for item in items:
            if isinstance(item, str):
                yield {"content": item}
            else:
                start = {"name": item.name, "arguments": ""}
                yield {"tool_calls": [{"index": number, "id": _call_id(), "type": "function", "function": start}]}
                yield {"tool_calls": [{"index": number, "function": {"arguments": item.arguments}}]}
                number += 1

    def finish_reason(self, last: Piece) -> str | None:
        """Why the choice ended. It is `tool_calls` if there were calls and the text was not cut off after them."""
        return "tool_calls" if self._calls and last.finish_reason == "stop" else last.finish_reason

    def _counts(self) -> bool:
        """Whether the next call is returned."""
        wanted = self._parallel or not self._calls
        self._calls += wanted
        return wanted


def _message(content: str, calls: Sequence[ParsedCall]) -> dict[str, Any]:
    return {
        "content": content or (None if calls else ""),
        "refusal": None,
        "tool_calls": [_call(call) for call in calls] or None,
        "annotations": None,
        "role": "assistant",
        "function_call": None,
        "audio": None,
        "reasoning_content": None,
    }


def _call(call: ParsedCall) -> dict[str, Any]:
    return {"id": _call_id(), "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _call_id() -> str:
    return f"chatcmpl-tool-{uuid.uuid4().hex}"
