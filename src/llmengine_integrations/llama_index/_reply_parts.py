"""The answer to a request, complete or partial, and its conversion to LlamaIndex's responses. Pure functions.

`raw` is the reply as a dict. On both routes it contains `usage` under OpenAI's names, because LlamaIndex's token counter reads it there,
in a stream from the last chunk. If the server does not count tokens, there is no `usage`, and the counter estimates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    LogProb,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from ._messages import wire_call

ResponseT = TypeVar("ResponseT", ChatResponse, CompletionResponse)

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


@dataclass(slots=True, kw_only=True)  # not frozen: each token creates one, and frozen ones take three times as long
class Answer:
    """The model's answer, in a stream up to one of its events. `delta` and `logprobs` are then the event's own."""

    text: str = ""
    thinking: str = ""
    calls: Sequence[ToolCallBlock] = ()
    delta: str | None = None
    thinking_delta: str | None = None
    logprobs: list[list[LogProb]] | None = None
    raw: dict[str, Any] = field(default_factory=dict[str, Any])
    usage: Mapping[str, Any] | None = None
    details: Mapping[str, Any] | None = None
    """The data that comes only at the end: `finish_reason`, and in streams the `logprobs` of all tokens."""


class Reader(Protocol):
    """Reads one reply, either complete or event by event."""

    @property
    def done(self) -> bool:
        """Whether the answer has ended although the server continues. The rest of the stream is ignored."""
        ...

    def whole(self, reply: Any) -> Answer:
        """The answer of a non-streamed reply."""
        ...

    def feed(self, event: Any) -> Answer:
        """The answer up to this event. From the event that finishes it on, it includes the details."""
        ...

    def end(self) -> Answer | None:
        """The complete answer, if no event has finished it."""
        ...


def chat_response(answer: Answer) -> ChatResponse:
    """The answer of a chat endpoint."""
    blocks: list[Any] = [ThinkingBlock(content=answer.thinking)] if answer.thinking else []
    if answer.text or not (blocks or answer.calls):
        blocks.append(TextBlock(text=answer.text))
    # Streamed structured output looks for calls here, not in the blocks.
    older = {"tool_calls": [wire_call(call) for call in answer.calls]} if answer.calls else {}
    return ChatResponse(
        message=ChatMessage(role=MessageRole.ASSISTANT, blocks=[*blocks, *answer.calls], additional_kwargs=older),
        delta=answer.delta,
        logprobs=answer.logprobs,
        raw=_raw(answer),
        additional_kwargs=_additional(answer),
    )


def completion_response(answer: Answer) -> CompletionResponse:
    """The answer of a completion endpoint."""
    return CompletionResponse(
        text=answer.text,
        delta=answer.delta,
        logprobs=answer.logprobs,
        raw=_raw(answer),
        additional_kwargs=_additional(answer),
    )


def _raw(answer: Answer) -> dict[str, Any]:
    return answer.raw if answer.usage is None else {**answer.raw, "usage": answer.usage}


def _additional(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if answer.usage is not None:
        found = {name: answer.usage[name] for name in _COUNTS if name in answer.usage}
    if answer.details is not None:
        found.update(answer.details)
    if answer.thinking_delta:
        found["thinking_delta"] = answer.thinking_delta
    return found
