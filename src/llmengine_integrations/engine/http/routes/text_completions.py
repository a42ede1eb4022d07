"""The route `/v2/completions`.

Streaming works here. The gateway answers a streamed request with a 500, because it does not accept a chunk without a finish reason.
"""

from __future__ import annotations

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from llmengine_integrations.wire.text_completions import TextCompletionRequest

from ...dialect.text_requests import text_work
from .openai import OpenAIRoutes

_REQUEST: TypeAdapter[TextCompletionRequest] = TypeAdapter(TextCompletionRequest)


class TextCompletionRoutes(OpenAIRoutes):
    """Texts that continue prompts, complete and streamed."""

    @property
    def routes(self) -> list[BaseRoute]:
        """The route, for the application."""
        return [Route("/v2/completions", self._complete, methods=["POST"])]

    async def _complete(self, request: Request) -> Response:
        fields = await self.read(request, _REQUEST)
        streamed = fields.get("stream") or False
        model = self.model(fields["model"], streamed=streamed)
        requests, writer = await text_work(fields)
        return await self.reply(request, model, requests, writer, streamed=streamed)
