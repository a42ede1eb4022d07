"""The route `/v2/chat/completions`."""

from __future__ import annotations

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from llmengine_integrations.wire.chat import ChatRequest

from ...dialect.chat_requests import chat_work
from .openai import OpenAIRoutes

_REQUEST: TypeAdapter[ChatRequest] = TypeAdapter(ChatRequest)


class ChatRoutes(OpenAIRoutes):
    """Chat completions, complete and streamed."""

    @property
    def routes(self) -> list[BaseRoute]:
        """The route, for the application."""
        return [Route("/v2/chat/completions", self._chat, methods=["POST"])]

    async def _chat(self, request: Request) -> Response:
        fields = await self.read(request, _REQUEST)
        streamed = fields.get("stream") or False
        model = self.model(fields["model"], streamed=streamed)
        requests, writer = await chat_work(fields)
        return await self.reply(request, model, requests, writer, streamed=streamed)
