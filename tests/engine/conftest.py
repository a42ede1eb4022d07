from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from llmengine_integrations.engine import DEFAULT_MODEL_NAME, EmbeddedEngine

PROMPT = "why is the sky blue?"


class EngineClient(httpx.Client):
    """HTTP to an engine, with its key and short names for the completion routes."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        super().__init__(base_url=engine.base_url, auth=(engine.api_key, ""), timeout=60)

    def complete(self, prompt: str = PROMPT, **fields: object) -> dict:
        reply = self.post("/v1/llm/completions-sync", params=_MODEL, json=_body(prompt, fields))
        assert reply.status_code == 200, reply.text
        return reply.json()["output"]

    def refuse(self, prompt: str = PROMPT, **fields: object) -> tuple[int, dict]:
        reply = self.post("/v1/llm/completions-sync", params=_MODEL, json=_body(prompt, fields))
        return reply.status_code, reply.json()

    def events(self, prompt: str = PROMPT, **fields: object) -> list[dict]:
        reply = self.post("/v1/llm/completions-stream", params=_MODEL, json=_body(prompt, fields))
        assert reply.status_code == 200, reply.text
        return parse_events(reply.content)


_MODEL = {"model_endpoint_name": DEFAULT_MODEL_NAME}


def _body(prompt: str, fields: dict[str, object]) -> dict[str, object]:
    return {"prompt": prompt, "max_new_tokens": 12, "temperature": 0.0} | fields


def parse_events(raw: bytes) -> list[dict]:
    frames = raw.decode().split("\r\n\r\n")
    assert frames.pop() == ""
    return [json.loads(frame.removeprefix("data: ")) for frame in frames if not frame.startswith(": ping")]


@pytest.fixture(scope="session")
def client(engine: EmbeddedEngine) -> Iterator[EngineClient]:
    with EngineClient(engine) as client:
        yield client
