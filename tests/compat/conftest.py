"""Upstream's names pointed at a scripted server."""

from __future__ import annotations

import os

import pytest
from tenacity import wait_none

from core._api import maybe
from core._server import Server, reply
from llmengine_integrations.compat import api_engine
from llmengine_integrations.core.transport import retry as _retry
from recordings.tape import exchange


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No settings from the shell, and no connections from an earlier test."""
    for name in list(os.environ):
        if name.startswith(("LLM_ENGINE_", "SCALE_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(api_engine, "_base_path", None)
    monkeypatch.setattr(api_engine, "_api_key", None)
    yield
    api_engine._client.cache_clear()
    api_engine._async_client.cache_clear()


class Gateway(Server):
    """The scripted server, which can also answer what the real gateway was recorded to answer."""

    def answers(self, *names: str):
        for name in names:
            recorded = exchange(name)
            kind = recorded.headers["content-type"][0]
            self.then(reply(recorded.status, recorded.content, content_type=kind))
        return self

    @property
    def sent(self):
        """The last request."""
        return self.received[-1]


@pytest.fixture
def gateway(monkeypatch):
    with Gateway() as gateway:
        monkeypatch.setenv("LLM_ENGINE_BASE_PATH", gateway.url)
        monkeypatch.setenv("SCALE_API_KEY", "sk-test")
        yield gateway


class Twins:
    """One face over a class's blocking calls and their awaited twins, so that a behaviour is tested with one body."""

    def __init__(self, *, awaited: bool) -> None:
        self.awaited = awaited

    async def __call__(self, method, *args, **kwargs):
        """Call `Model.get`, or its twin."""
        owner, _, name = method.__qualname__.partition(".")
        if self.awaited:
            from llmengine_integrations import compat  # noqa: PLC0415 - by name, as the method says it

            method = getattr(getattr(compat, owner), f"a{name}")
        return await maybe(method(*args, **kwargs))

    async def each(self, stream):
        """The events of a stream of either kind."""
        if self.awaited:
            async for event in stream:
                yield event
        else:
            for event in stream:
                yield event


@pytest.fixture(params=["blocking", "awaited"])
def call(request):
    return Twins(awaited=request.param == "awaited")


@pytest.fixture
def naps(monkeypatch):
    """No time passes between tries."""
    monkeypatch.setattr(_retry, "_BACKOFF", wait_none())
