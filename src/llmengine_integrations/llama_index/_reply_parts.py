"""What came of a request, whole or so far, and LlamaIndex's responses made of it. Pure translation.

`raw` is the reply as a dict, and holds `usage` under OpenAI's names whatever the route: that is where LlamaIndex's token counter looks,
in a stream at the last chunk. Where the server does not count, there is none, and the counter estimates.
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


@dataclass(slots=True, kw_only=True)  # not frozen: each token makes one, and that would take three times as long
class Answer:
    """What the model said, in a stream up to one of its events; `delta` and `logprobs` are then what that event added."""

    text: str = ""
    thinking: str = ""
    calls: Sequence[ToolCallBlock] = ()
    delta: str | None = None
    thinking_delta: str | None = None
    logprobs: list[list[LogProb]] | None = None
    raw: dict[str, Any] = field(default_factory=dict[str, Any])
    usage: Mapping[str, Any] | None = None
    details: Mapping[str, Any] | None = None
    """What is said at the end only: `finish_reason`, and in streams the `logprobs` of all."""


class Reader(Protocol):
    """Reads one reply, either whole or event by event."""

    @property
    def done(self) -> bool:
        """Whether the answer has ended although the server goes on: the rest of the stream is of no interest."""
        ...

    def whole(self, reply: Any) -> Answer:
        """The answer of a reply that came at once."""
        ...

    def feed(self, event: Any) -> Answer:
        """The answer up to this event; from the one that finishes it on, with its details."""
        ...

    def end(self) -> Answer | None:
        """The whole answer, if no event has finished it."""
        ...


def chat_response(answer: Answer) -> ChatResponse:
    """The answer of a chat endpoint."""
    blocks: list[Any] = [ThinkingBlock(content=answer.thinking)] if answer.thinking else []
    if answer.text or not (blocks or answer.calls):
        blocks.append(TextBlock(text=answer.text))
    # Streamed structured output looks for calls here, not among the blocks.
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
