"""Upstream's own client."""

from __future__ import annotations

import os

os.environ["LLM_ENGINE_BASE_PATH"] = (
    "http://127.0.0.1:9"  # importing it asks the network which version is the newest; not here
)

import _replies
from _worker import Work, crowd
from llmengine import Completion, api_engine


class Contender:
    """Upstream's client."""

    def __init__(self, url: str) -> None:
        api_engine.set_base_path(url)
        api_engine.set_api_key("key")

    def call_sync(self, work: Work) -> None:
        for _ in range(work.count):
            reply = Completion.create(model=_replies.MODEL, prompt=_replies.PROMPT, max_new_tokens=10)
            _replies.check(reply.output.text)

    async def call_async(self, work: Work) -> None:
        async def one() -> None:
            reply = await Completion.acreate(model=_replies.MODEL, prompt=_replies.PROMPT, max_new_tokens=10)
            _replies.check(reply.output.text)

        await crowd(one, work)

    def _stream_sync(self, kind: str, work: Work) -> None:
        model = _replies.stream_model(kind, work.tokens)
        for _ in range(work.count):
            events = Completion.create(model=model, prompt=_replies.PROMPT, stream=True)
            _replies.check("".join([event.output.text for event in events]), work.tokens)

    def stream_sync_single(self, work: Work) -> None:
        self._stream_sync("single", work)

    def stream_sync_coalesced(self, work: Work) -> None:
        self._stream_sync("coalesced", work)

    async def _stream_async(self, kind: str, work: Work) -> None:
        model = _replies.stream_model(kind, work.tokens)

        async def one() -> None:
            events = await Completion.acreate(model=model, prompt=_replies.PROMPT, stream=True)
            _replies.check("".join([event.output.text async for event in events]), work.tokens)

        await crowd(one, work)

    async def stream_async_single(self, work: Work) -> None:
        await self._stream_async("single", work)

    async def stream_async_coalesced(self, work: Work) -> None:
        await self._stream_async("coalesced", work)

    async def stream_async_paced(self, work: Work) -> None:
        await self._stream_async("paced", work)
