"""What came of a request, whole or so far, and LlamaIndex's responses made of it. Pure translation.

`raw` is the reply as a dict, and holds `usage` under OpenAI's names whatever the route: that is where LlamaIndex's token counter looks,
in a stream at the last chunk. Where the server does not count, there is none, and the counter estimates.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Sequence
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model said, in a stream up to one of its events; `delta` and `logprobs` are then what that event added."""

    text: str = ""
    thinking: str = ""
    calls: Sequence[ToolCallBlock] = ()
    delta: str | None = None
    thinking_delta: str | None = None
    logprobs: list[list[LogProb]] | None = None
    raw: dict[str, Any] = field(default_factory=dict[str, Any])
    usage: dict[str, Any] | None = None
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    """What is said at the end only: `finish_reason`, and in streams the `logprobs` of all."""


class Reader(Protocol):
    """Reads one reply, either whole or event by event."""

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


def responses(reader: Reader, events: Iterable[Any], convert: Callable[[Answer], ResponseT]) -> Iterator[ResponseT]:
    """A stream's responses, at least one; the last one is the whole answer with its usage."""
    for event in events:
        yield convert(reader.feed(event))
    if (last := reader.end()) is not None:
        yield convert(last)


async def aresponses(
    reader: Reader, events: AsyncIterable[Any], convert: Callable[[Answer], ResponseT]
) -> AsyncGenerator[ResponseT]:
    """`responses` of events as they come."""
    async for event in events:
        yield convert(reader.feed(event))
    if (last := reader.end()) is not None:
        yield convert(last)


def _raw(answer: Answer) -> dict[str, Any]:
    return answer.raw if answer.usage is None else {**answer.raw, "usage": answer.usage}


def _additional(answer: Answer) -> dict[str, Any]:
    counts = ("prompt_tokens", "completion_tokens", "total_tokens")
    found = {name: answer.usage[name] for name in counts if name in answer.usage} if answer.usage else {}
    thinking = {"thinking_delta": answer.thinking_delta} if answer.thinking_delta else {}
    return {**found, **answer.details, **thinking}
