"""Tests of the public API against any endpoint: a cluster's gateway, or `llmengine serve`.

LLM_ENGINE_BASE_PATH=http://... LLM_ENGINE_LIVE_MODEL=llama-2-7b SCALE_API_KEY=... make test-live

They ask little (some tens of tokens each). What creates files deletes them. Fine-tunes and batches cost money on a cluster, so they run
only with LLM_ENGINE_LIVE_TRAIN=1.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import pytest

from llmengine_integrations import AsyncClient, Client

MODEL = "LLM_ENGINE_LIVE_MODEL"


class Live(NamedTuple):
    base_url: str
    model: str


@pytest.fixture(scope="session")
def live() -> Live:
    base_url, model = os.environ.get("LLM_ENGINE_BASE_PATH"), os.environ.get(MODEL)
    if not base_url or not model:
        pytest.skip(f"live tests need LLM_ENGINE_BASE_PATH and {MODEL}")
    return Live(base_url, model)


@pytest.fixture
def client(live):
    with Client() as client:
        yield client


@pytest.fixture
async def async_client(live):
    async with AsyncClient() as client:
        yield client


@pytest.fixture
def training(live) -> None:
    if os.environ.get("LLM_ENGINE_LIVE_TRAIN") != "1":
        pytest.skip("what trains or runs batches needs LLM_ENGINE_LIVE_TRAIN=1")
