"""Code that the streams of all routes share: their headers, and how they break off."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse
from starlette.types import Send

from ..runtime.generation import GenerationError
from ..runtime.statuses import STOPPING

_HEADERS = {"cache-control": "no-cache", "connection": "keep-alive", "x-accel-buffering": "no"}


class BreakableStream(StreamingResponse):
    """A stream of server-sent events.

    When the engine stops, the stream breaks off: the connection closes without the end of the body, as if the engine had been killed.
    A client therefore cannot mistake the part it has for the whole reply.
    """

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        self._broken = False
        super().__init__(events, headers=_HEADERS, media_type="text/event-stream")

    def breaks_off(self, error: GenerationError) -> bool:
        """Whether the error means that the engine is stopping. If so, the stream ends without a last event."""
        self._broken = error.status_code == STOPPING
        return self._broken

    async def stream_response(self, send: Send) -> None:
        """Send headers and events. This replaces starlette's method, which would always send the end of the body too."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for chunk in self.body_iterator:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if not self._broken:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def expect_broken_streams() -> None:
    """Keep uvicorn from logging incomplete responses, which are intended here."""
    logging.getLogger("uvicorn.error").addFilter(_tells_news)


def _tells_news(record: logging.LogRecord) -> bool:
    return record.getMessage() != "ASGI callable returned without completing response."
