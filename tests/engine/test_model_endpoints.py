from __future__ import annotations

from datetime import datetime

import httpx
import pytest

from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH, EngineConfig
from llmengine_integrations.wire.models import Model, ModelList

from .fakes import FakeBatch, fake_lane, running

ROUTE = "/v1/llm/model-endpoints"


@pytest.fixture(scope="module")
def client():
    config = EngineConfig(
        port=0,
        models={"zebra": DEFAULT_MODEL_PATH, "ant": DEFAULT_MODEL_PATH},
        aliases={"llama-2-7b": "zebra", "bee": "ant"},
        max_batch_size=4,
    )
    lanes = {"zebra": fake_lane(FakeBatch(text="z")), "ant": fake_lane(FakeBatch(text="a"))}
    with running(config, lambda: lanes) as (url, server):
        assert server.ready_event.wait(10)
        with httpx.Client(base_url=url, auth=("k", "")) as client:
            yield client


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["zebra", "ant", "llama-2-7b", "bee"]),
        ({"order_by": "oldest"}, ["zebra", "ant", "llama-2-7b", "bee"]),
        ({"order_by": "newest"}, ["bee", "llama-2-7b", "ant", "zebra"]),
        ({"order_by": "alphabetical"}, ["ant", "bee", "llama-2-7b", "zebra"]),
        ({"name": "bee"}, ["bee"]),
        ({"name": "be"}, []),
    ],
)
def test_the_list(client, query, names):
    reply = client.get(ROUTE, params=query)
    assert [model.name for model in ModelList.model_validate_json(reply.content).model_endpoints] == names


def test_an_endpoint(client):
    reply = client.get(f"{ROUTE}/llama-2-7b")
    model = Model.model_validate_json(reply.content)
    assert (model.name, model.model_name, model.status) == ("llama-2-7b", "zebra", "READY")
    assert model.checkpoint_path == str(DEFAULT_MODEL_PATH)
    assert model.inference_framework == "vllm"
    assert model.inference_framework_image_tag.startswith("llmengine-integrations-")
    assert model.spec.id == model.id
    assert model.spec.created_at <= datetime.now()  # noqa: DTZ005 - the gateway's times have no zone
    assert model.spec.deployment_state.per_worker == 4
    assert (model.spec.resource_state.gpus, model.spec.resource_state.memory) == (0, "4Mi")
    assert reply.json() == client.get(ROUTE, params={"name": "llama-2-7b"}).json()["model_endpoints"][0]


@pytest.mark.parametrize(("name", "text"), [("zebra", "z"), ("llama-2-7b", "z"), ("ant", "a"), ("bee", "a")])
def test_every_name_answers_with_its_model(client, name, text):
    body = {"prompt": "x", "max_new_tokens": 5, "temperature": 0}
    reply = client.post("/v1/llm/completions-sync", params={"model_endpoint_name": name}, json=body)
    assert reply.json()["output"]["text"] == text
