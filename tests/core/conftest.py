"""A scripted server and a client of every kind."""

from __future__ import annotations

import asyncio
import os
import socket
import time

import pytest

from core._api import OWN, Api
from core._server import Server


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    """Whatever the shell has set must not reach a test."""
    for name in list(os.environ):
        if name.startswith(("LLM_ENGINE_", "SCALE_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def server():
    with Server() as server:
        yield server


@pytest.fixture(params=OWN)
def kind(request):
    """Parametrize a test with `kind` itself to run it over other clients."""
    return request.param


@pytest.fixture
async def connect(kind, server):
    """Makes clients; to the scripted server unless told otherwise."""
    made = []

    def connect(base_url=None, **settings):
        made.append(Api(kind, base_url or server.url, **settings))
        return made[-1]

    yield connect
    for api in made:
        await api.close()


@pytest.fixture
def api(connect):
    return connect(api_key="sk-test")


@pytest.fixture
def refusing_url():
    """A port that is taken but accepts nobody."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def naps(monkeypatch):
    """How long the clients slept; no time passes."""
    slept: list[float] = []
    yielding = asyncio.sleep

    async def nap(seconds, result=None):
        if seconds:
            slept.append(seconds)
        return await yielding(0, result)

    monkeypatch.setattr(asyncio, "sleep", nap)
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept
