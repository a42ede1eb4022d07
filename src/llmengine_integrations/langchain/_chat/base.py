"""LangChain's `BaseChatModel` with limited batches that end when one call fails; and functions that read streams."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGenerationChunk

from .._running.batches import BoundedBatch


class BoundedChatModel(BoundedBatch[AIMessage], BaseChatModel):
    """A chat model that does not send a whole batch at once."""


def read(events: Any, chunks: Any) -> Iterator[ChatGenerationChunk]:
    """Yield the chunks of a stream, until its reader has finished."""
    for event in events:
        yield from chunks.feed(event)
        if chunks.done:
            break
    yield from chunks.end()


async def aread(events: Any, chunks: Any) -> AsyncGenerator[ChatGenerationChunk]:
    """Yield the chunks of a stream, as they come."""
    async for event in events:
        for chunk in chunks.feed(event):
            yield chunk
        if chunks.done:
            break
    for chunk in chunks.end():
        yield chunk
