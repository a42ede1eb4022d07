"""The event stream of a completion, byte for byte as the gateway sends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.types import Receive, Scope, Send

from llmengine_integrations.wire.completions import CompletionStreamEvent, StreamErrorBody, StreamErrorContent

from ..clock import utc_now
from ..runtime.generation import Generation, GenerationError, Piece
from ..runtime.statuses import BAD_REQUEST, SERVER_ERROR
from .error_replies import timestamp, upstream_error
from .event_streams import BreakableStream

_quoted = json.JSONEncoder(ensure_ascii=False).encode


class EventStream(BreakableStream):
    """Sends the pieces of a generation as they arrive. Stops the generation when the client disconnects.

    Pieces that arrive during a send are sent together next, each as its own event.

    Args:
        generation: the completion.
        request_id: the id that every event contains.
        ping_interval: seconds between keep-alive comments.
    """

    def __init__(self, generation: Generation, request_id: str, *, ping_interval: float) -> None:
        self._generation = generation
        self._encoder = EventEncoder(request_id)
        self._ping_interval = ping_interval
        super().__init__(self._events())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._generation.cancel()

    async def _events(self) -> AsyncIterator[bytes]:
        next_ping = asyncio.get_running_loop().time() + self._ping_interval
        finished = False
        while not finished:
            try:
                async with asyncio.timeout_at(next_ping):
                    pieces = await self._generation.take()
            except TimeoutError:
                next_ping += self._ping_interval
                yield f": ping - {utc_now()}\r\n\r\n".encode()
            except GenerationError as error:
                finished = True
                if not self.breaks_off(error):
                    yield self._encoder.error(error).encode()
            else:
                finished = pieces[-1].finished
                yield "".join(map(self._encoder.piece, pieces)).encode()


class EventEncoder:
    """Writes the events of one request. The JSON is built by hand: serializing the wire types takes ten times as long per token."""

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id
        self._start = f'data: {{"request_id":{_quoted(request_id)},"output":{{"text":'

    def piece(self, piece: Piece) -> str:
        """The event of one generated token."""
        prompt = "null" if piece.num_prompt_tokens is None else piece.num_prompt_tokens
        chosen = "null"
        if piece.token is not None:
            chosen = f'{{"token":{_quoted(piece.token)},"log_prob":{piece.log_prob}}}'
        return (
            f'{self._start}{_quoted(piece.text)},"finished":{"true" if piece.finished else "false"},'
            f'"num_prompt_tokens":{prompt},"num_completion_tokens":{piece.num_tokens},"token":{chosen}}},"error":null}}\r\n\r\n'
        )

    def error(self, error: GenerationError) -> str:
        """The last event of a failed stream: 400 if the request caused the error, 500 otherwise."""
        blamed = error.status_code == BAD_REQUEST
        content = StreamErrorContent(error=error.message or upstream_error(self._request_id), timestamp=timestamp())
        body = StreamErrorBody(status_code=BAD_REQUEST if blamed else SERVER_ERROR, content=content)
        event = CompletionStreamEvent(request_id=self._request_id, error=body)
        return f"data: {event.model_dump_json()}\r\n\r\n"
