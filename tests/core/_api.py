"""One face over both clients, so that a behaviour is tested with one body for sync and async."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from operator import attrgetter

import httpx

from llmengine_integrations import AsyncClient, Client

OWN = ("sync", "async")
EVERY = (*OWN, "sync-httpx", "async-httpx")
"""The two clients, and both over an httpx client that the user brings."""


class Api:
    """A client of some kind whose calls are all awaited; a blocking one blocks the test's event loop, not the server's."""

    def __init__(self, kind: str, base_url: str | None = None, **settings) -> None:
        self.given = None
        if kind.endswith("-httpx"):
            made = httpx.AsyncClient if kind.startswith("async") else httpx.Client
            settings["http_client"] = self.given = settings.get("http_client") or made()
        self.client = (AsyncClient if kind.startswith("async") else Client)(base_url, **settings)

    async def call(self, name: str, /, *args, **kwargs):
        """Call `models.get`, say."""
        return await maybe(attrgetter(name)(self.client)(*args, **kwargs))

    async def create(self, model="m", prompt="hi", **options):
        return await self.call("completions.create", model, prompt, **options)

    @asynccontextmanager
    async def stream(self, model="m", prompt="hi", **options):
        opened = self.client.completions.stream(model, prompt, **options)
        if isinstance(self.client, AsyncClient):
            async with opened as events:
                yield events
            return
        with opened as events:
            yield _each(events)

    async def read(self, *args, into: list | None = None, **options) -> list:
        """Read a stream to its end; `into` keeps what came before an error."""
        events = [] if into is None else into
        async with self.stream(*args, **options) as arriving:
            async for event in arriving:
                events.append(event)
        return events

    async def text(self, *args, **options) -> str:
        return text(await self.read(*args, **options))

    async def run(self, operation):
        """Run an operation that no resource offers."""
        return await maybe(self.client._transport.run(operation))

    async def close(self) -> None:
        await maybe(self.client.close())
        if self.given is not None:
            await maybe(self.given.aclose() if isinstance(self.given, httpx.AsyncClient) else self.given.close())


def text(events: list) -> str:
    return "".join(event.output.text for event in events)


async def maybe(value):
    """What a blocking call returned, or what an awaitable call returns."""
    return await value if inspect.isawaitable(value) else value


async def _each(events: Iterator) -> AsyncIterator:
    for event in events:
        yield event
