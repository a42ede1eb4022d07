"""The openai client, with its default transport."""

from __future__ import annotations

from typing import Any

import _replies
import openai
from _worker import Work, crowd


class Contender:
    """The openai client's completions."""

    def __init__(self, url: str) -> None:
        self._client = openai.OpenAI(base_url=f"{url}/v1", api_key="key")
        self._async = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="key", **self._options())

    def _options(self) -> dict[str, Any]:
        return {}

    def call_sync(self, work: Work) -> None:
        for _ in range(work.count):
            reply = self._client.completions.create(model=_replies.MODEL, prompt=_replies.PROMPT, max_tokens=10)
            _replies.check(reply.choices[0].text)

    async def call_async(self, work: Work) -> None:
        async def one() -> None:
            reply = await self._async.completions.create(model=_replies.MODEL, prompt=_replies.PROMPT, max_tokens=10)
            _replies.check(reply.choices[0].text)

        await crowd(one, work)

    def _stream_sync(self, kind: str, work: Work) -> None:
        model = _replies.stream_model(kind, work.tokens)
        for _ in range(work.count):
            with self._client.completions.create(model=model, prompt=_replies.PROMPT, stream=True) as events:
                _replies.check("".join([event.choices[0].text for event in events]), work.tokens)

    def stream_sync_single(self, work: Work) -> None:
        self._stream_sync("single", work)

    def stream_sync_coalesced(self, work: Work) -> None:
        self._stream_sync("coalesced", work)

    async def _stream_async(self, kind: str, work: Work) -> None:
        model = _replies.stream_model(kind, work.tokens)

        async def one() -> None:
            events = await self._async.completions.create(model=model, prompt=_replies.PROMPT, stream=True)
            async with events:
                _replies.check("".join([event.choices[0].text async for event in events]), work.tokens)

        await crowd(one, work)

    async def stream_async_single(self, work: Work) -> None:
        await self._stream_async("single", work)

    async def stream_async_coalesced(self, work: Work) -> None:
        await self._stream_async("coalesced", work)

    async def stream_async_paced(self, work: Work) -> None:
        await self._stream_async("paced", work)
