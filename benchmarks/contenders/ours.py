"""Our client."""

from __future__ import annotations

import _replies
from _worker import Work, crowd

from llmengine_integrations import AsyncClient, Client


class Contender:
    """Our client."""

    def __init__(self, url: str) -> None:
        self._client = Client(url, "key")
        self._async = AsyncClient(url, "key")

    def call_sync(self, work: Work) -> None:
        for _ in range(work.count):
            reply = self._client.completions.create(_replies.MODEL, _replies.PROMPT, max_new_tokens=10)
            _replies.check(reply.output.text)

    async def call_async(self, work: Work) -> None:
        async def one() -> None:
            reply = await self._async.completions.create(_replies.MODEL, _replies.PROMPT, max_new_tokens=10)
            _replies.check(reply.output.text)

        await crowd(one, work)

    def _stream_sync(self, kind: str, work: Work) -> None:
        model = _replies.stream_model(kind, work.tokens)
        for _ in range(work.count):
            with self._client.completions.stream(model, _replies.PROMPT) as events:
                _replies.check("".join([event.output.text for event in events]), work.tokens)

    def stream_sync_single(self, work: Work) -> None:
        self._stream_sync("single", work)

    def stream_sync_coalesced(self, work: Work) -> None:
        self._stream_sync("coalesced", work)

    async def _stream_async(self, kind: str, work: Work) -> None:
        model = _replies.stream_model(kind, work.tokens)

        async def one() -> None:
            async with self._async.completions.stream(model, _replies.PROMPT) as events:
                _replies.check("".join([event.output.text async for event in events]), work.tokens)

        await crowd(one, work)

    async def stream_async_single(self, work: Work) -> None:
        await self._stream_async("single", work)

    async def stream_async_coalesced(self, work: Work) -> None:
        await self._stream_async("coalesced", work)

    async def stream_async_paced(self, work: Work) -> None:
        await self._stream_async("paced", work)
