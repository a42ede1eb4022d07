"""The bare HTTP libraries: httpx.Client blocking, aiohttp awaited; the body as a dict, the reply by `json.loads`."""

from __future__ import annotations

import json

import _replies
import aiohttp
import httpx
from _worker import Work, crowd

_BODY = {"prompt": _replies.PROMPT, "max_new_tokens": 10, "temperature": 0.2}


class Contender:
    """What one would write by hand."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/v1/llm/completions-"
        self._client = httpx.Client(headers={"authorization": "Bearer key"}, trust_env=False)
        self._session: aiohttp.ClientSession | None = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={"authorization": "Bearer key"}, connector=aiohttp.TCPConnector(limit=1000)
            )
        return self._session

    def call_sync(self, work: Work) -> None:
        for _ in range(work.count):
            reply = self._client.post(f"{self._url}sync", params={"model_endpoint_name": _replies.MODEL}, json=_BODY)
            _replies.check(reply.json()["output"]["text"])

    async def call_async(self, work: Work) -> None:
        session, params = self._opened(), {"model_endpoint_name": _replies.MODEL}

        async def one() -> None:
            async with session.post(f"{self._url}sync", params=params, json=_BODY) as reply:
                _replies.check((await reply.json())["output"]["text"])

        await crowd(one, work)

    async def stream_async_paced(self, work: Work) -> None:
        await self._stream_async("paced", work)

    async def stream_async_single(self, work: Work) -> None:
        await self._stream_async("single", work)

    async def _stream_async(self, kind: str, work: Work) -> None:
        session = self._opened()
        params = {"model_endpoint_name": _replies.stream_model(kind, work.tokens)}

        async def one() -> None:
            async with session.post(f"{self._url}stream", params=params, json=_BODY) as reply:
                lines = reply.content
                texts = [json.loads(line[6:])["output"]["text"] async for line in lines if line.startswith(b"data: ")]
            _replies.check("".join(texts), work.tokens)

        await crowd(one, work)
