"""Code that the two OpenAI-style routes share: reading a request, running its choices, and replying in full or as a stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol, TypeVar

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ...clock import utc_now
from ...dialect.choices import Arrival, Choices
from ...dialect.errors import RefusedError
from ...runtime.generation import GenerationError, GenerationRequest, Piece
from ...runtime.statuses import BAD_REQUEST, CLIENT_CLOSED_REQUEST, SERVER_ERROR
from ..error_replies import UNHANDLED, json_reply, new_request_id, timestamp, upstream_error
from ..event_streams import BreakableStream
from ..request_bodies import read_body, until_disconnected, validated
from .inference import InferenceRoutes

_T = TypeVar("_T")


class ReplyWriter(Protocol):
    """Turns the pieces of a request's choices into the reply."""

    def full_reply(self, choices: Sequence[list[Piece]]) -> object:
        """The body of a non-streamed reply."""
        ...

    def first(self) -> list[object]:
        """The chunks at the start of the stream."""
        ...

    def chunks(self, arrival: Arrival) -> list[object]:
        """The chunks for some pieces."""
        ...

    def last(self) -> list[object]:
        """The chunks at the end of the stream."""
        ...


class OpenAIRoutes(InferenceRoutes):
    """The base of both routes."""

    async def read(self, request: Request, adapter: TypeAdapter[_T]) -> _T:
        """The request's body, validated."""
        return validated(await read_body(request, self.authenticator), adapter)

    def model(self, name: str, *, streamed: bool) -> str:
        """The model with a name.

        Raises:
            RefusedError: 404 with the gateway's text.
        """
        model = self.registry.model_of(name)
        if model is None:
            not_found = (
                f"Model endpoint {name} not found." if streamed else "The specified endpoint could not be found."
            )
            raise RefusedError(404, not_found)
        return model

    async def reply(
        self,
        request: Request,
        model: str,
        requests: Sequence[GenerationRequest],
        writer: ReplyWriter,
        *,
        streamed: bool,
    ) -> Response:
        """Generate and reply. A stream's headers are sent with its first piece, so that an earlier failure still gets an error status."""
        choices = Choices(requests)
        choices.submit(self.runtimes, model)
        try:
            if streamed:
                begun = await until_disconnected(request.receive, choices.take())
                if begun is not None:
                    return ChunkStream(choices, begun, writer, ping_interval=self.ping_interval)
            else:
                pieces = await until_disconnected(request.receive, choices.all_pieces())
                choices.cancel()
                if pieces is not None:
                    return json_reply(writer.full_reply(pieces))
        except GenerationError as error:
            choices.cancel()
            raise RefusedError(error.status_code, error.message or _failure(streamed=streamed)) from error
        except BaseException:
            choices.cancel()
            raise
        choices.cancel()
        return Response(status_code=CLIENT_CLOSED_REQUEST)


class ChunkStream(BreakableStream):
    """Sends the chunks of a request's choices as they arrive. Stops generating when the client disconnects.

    Args:
        choices: the completions.
        begun: the pieces that have already arrived.
        writer: creates the chunks.
        ping_interval: seconds between keep-alive comments.
    """

    def __init__(
        self, choices: Choices, begun: Sequence[Arrival], writer: ReplyWriter, *, ping_interval: float
    ) -> None:
        self._choices = choices
        self._writer = writer
        self._ping_interval = ping_interval
        super().__init__(self._events(begun))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._choices.cancel()

    async def _events(self, begun: Sequence[Arrival]) -> AsyncIterator[bytes]:
        now = asyncio.get_running_loop().time
        next_ping = now() + self._ping_interval
        yield _encoded(self._writer.first()) + self._encoded(begun)
        while not self._choices.finished:
            try:
                arrived = await self._choices.take(timeout=max(0.0, next_ping - now()))
            except GenerationError as error:
                if not self.breaks_off(error):
                    yield _encoded([_error_event(error)])
                return
            if now() >= next_ping:
                next_ping += self._ping_interval
                yield f": ping - {utc_now()}\r\n\r\n".encode()
            if events := self._encoded(arrived):
                yield events
        if last := self._writer.last():
            yield _encoded(last)

    def _encoded(self, arrived: Sequence[Arrival]) -> bytes:
        return _encoded([chunk for arrival in arrived for chunk in self._writer.chunks(arrival)])


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _encoded(chunks: Sequence[object]) -> bytes:
    return "".join(f"data: {_json(chunk)}\r\n\r\n" for chunk in chunks).encode()


def _error_event(error: GenerationError) -> dict[str, Any]:
    """The last event of a failed stream: 400 if the request caused the error, 500 otherwise."""
    blamed = error.status_code == BAD_REQUEST
    content = {"error": error.message or upstream_error(new_request_id()), "timestamp": timestamp()}
    return {"error": {"status_code": BAD_REQUEST if blamed else SERVER_ERROR, "content": content}}


def _failure(*, streamed: bool) -> str:
    return UNHANDLED if streamed else upstream_error(new_request_id())
