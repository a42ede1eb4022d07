"""Reads the events of the OpenAI-style (v2) streams: raises errors, and knows when every choice is finished."""

from __future__ import annotations

from typing import Generic, TypeVar

from ...wire.chat import ChatCompletionChunk
from ...wire.text_completions import TextCompletion
from .._operation import parse
from ..errors import InvalidResponseError, StreamTruncatedError
from .completion_events import stream_error

_DONE = b"[DONE]"  # the gateway drops it, but OpenAI-style proxies in front of it send it

ChunkT = TypeVar("ChunkT", bound=ChatCompletionChunk | TextCompletion)


class _ChunkReader(Generic[ChunkT]):
    """The state of one stream.

    A stream is finished when each choice that was seen has had its finish reason. After that, only the chunk with the usage may come.
    Errors have the first choice's text so far.
    """

    def __init__(self, kind: type[ChunkT]) -> None:
        self._kind = kind
        self._done = False
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self._texts: list[str] = []

    @property
    def finished(self) -> bool:
        """Whether the stream is finished, except perhaps for the usage."""
        return self._done or (bool(self._begun) and self._begun == self._ended)

    @property
    def text(self) -> str:
        """The first choice's text so far."""
        return "".join(self._texts)

    def feed(self, data: bytes) -> ChunkT | None:
        """Read one event's data.

        Raises:
            StreamError: The event reports an error.
            InvalidResponseError: It is not an event of this route.
        """
        if data[:6] == _DONE:  # some proxies write more after it
            self._done = True
            return None
        chunk = self._chunk(data)
        for choice in chunk.choices:
            self._begun.add(choice.index)
            if choice.finish_reason:
                self._ended.add(choice.index)
        self._texts.append(chunk.text)
        return chunk

    def end(self) -> None:
        """Handle the orderly end of the connection.

        Raises:
            StreamTruncatedError: A choice was not finished.
        """
        if not self.finished:
            raise StreamTruncatedError(
                f"The stream ended before the reply was finished, after {len(self._texts)} events.",
                text=self.text,
            )

    def _chunk(self, data: bytes) -> ChunkT:
        try:
            return parse(self._kind, data)
        except InvalidResponseError:
            reported = stream_error(data, self.text)
            if reported is None:
                raise
        raise reported


class ChatEventReader(_ChunkReader[ChatCompletionChunk]):
    """Reads a chat stream."""

    def __init__(self) -> None:
        super().__init__(ChatCompletionChunk)


class TextReader(_ChunkReader[TextCompletion]):
    """Reads a stream of `/v2/completions`."""

    def __init__(self) -> None:
        super().__init__(TextCompletion)
