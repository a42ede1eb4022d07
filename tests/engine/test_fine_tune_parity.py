"""The recordings of fine-tunes and of their models, sent to this engine: the same status, the same reply or one of the same shape."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from llmengine_integrations.engine.store import Store, open_store
from recordings.tape import Exchange, exchange

from .bare_process import bare_engine
from .fakes import eventually
from .test_parity import check

pytestmark = pytest.mark.engine

BASE = "llmengine-tiny"
TUNED = "llama-2-7b.my-suffix.230718-120000"
ADAPTER = ("README.md", "adapter_config.json", "adapter_model.safetensors")

SAME = [
    "123-models-download-404",
    "124-models-download-422",
    "125-models-get-download-path-is-a-name",
    "143-ft-create-422-hyperparameters-null",
    "144-ft-create-422-hyperparameters-missing",
    "145-ft-create-400-suffix",
    "146-ft-create-400-suffix-long",
    "147-ft-create-400-suffix-empty",
    "148-ft-create-400-columns",
    "150-ft-create-404-file-id",
    "151-ft-create-404-val-file-id",
    "152-ft-create-400-model",
    "154-ft-create-422",
    "161-ft-get-404",
    "162-ft-cancel-unknown",
    "163-ft-events-404",
]
"""Answered with the gateway's own bytes."""
OTHER_WORDS = {
    "128-models-delete-403-public": "Only fine-tuned models can be deleted.",
    "149-ft-create-400-missing-path": "Cannot find the training file.",
    "153-ft-create-400-required-param": "Fine-tuning not implemented for model type needs-lr",  # no model needs one here
}
"""Answered with the gateway's status, and a reason of the engine's own."""
GATEWAYS_BASE = {"128-models-delete-403-public", "125-models-get-download-path-is-a-name"}


def make(store: Store, name: str, base: str = BASE) -> str:
    """A job that has succeeded, and its model."""
    with store.fine_tunes.prepare() as folder:
        job = store.fine_tunes.add(folder, base=base, fine_tuned_model=name)
    store.fine_tunes.begin(job.id)
    adapter = store.fine_tunes.folder(job.id) / "adapter"
    adapter.mkdir()
    for file in ADAPTER:
        (adapter / file).write_text("{}")
    assert store.fine_tunes.succeed(job, store.models.take(job.id, adapter, name=name, base=base))
    return job.id


@pytest.fixture(scope="module")
def ids(tmp_path_factory) -> dict[str, str]:
    """What stands for the gateway's ids. `data` is the folder."""
    data = tmp_path_factory.mktemp("parity") / "data"
    with open_store(data, max_file_size=1000) as store:
        ids = {"ft-907b988e5a834fc2a580": make(store, TUNED)}
        make(store, "my-model")
        make(store, "orphan", base="another")
    return {"data": str(data)} | ids


@pytest.fixture(scope="module")
def http(ids):
    with (
        bare_engine(Path(ids.pop("data"))) as (_, url),
        httpx.Client(base_url=url, auth=("key", ""), timeout=30) as http,
    ):
        assert eventually(lambda: http.get("/readyz").status_code == 200, 30)
        for known, content in (
            ("file-ff6f658bebfc44a", "prompt,response\na,b\n"),
            ("file-f5d5ee19e097452", "a,b\n1,2\n"),
        ):
            ids[known] = http.post("/v1/files", files={"file": ("a.csv", content)}).json()["id"]
        jsonl = '{"prompt": "a", "response": "b"}\n'
        ids["file-01f8532ef2ae40c"] = http.post("/v1/files", files={"file": ("a.jsonl", jsonl)}).json()["id"]
        yield http


def ask(http: httpx.Client, ids: dict[str, str], name: str) -> tuple[Exchange, httpx.Response]:
    """Send a recorded request, with ids and a base model that this engine has in place of the gateway's."""
    recorded = exchange(name)
    path, body = recorded.request.path, recorded.request.body_bytes.decode()
    for theirs, ours in {**ids, '"llama-2-7b"': f'"{BASE}"'}.items():
        path, body = path.replace(theirs, ours), body.replace(theirs, ours)
    if name in GATEWAYS_BASE:
        path = path.replace("llama-2-7b", BASE)
    headers = {"content-type": "application/json"} if body else {}
    reply = http.request(recorded.request.method, path, content=body.encode(), headers=headers)
    assert reply.status_code == recorded.status, reply.text
    return recorded, reply


@pytest.mark.parametrize("name", SAME)
def test_the_same_bytes(http, ids, name):
    recorded, reply = ask(http, ids, name)
    for theirs, ours in ids.items():
        reply._content = reply.content.replace(ours.encode(), theirs.encode())
    assert reply.json() == json_with(recorded, BASE)


def json_with(recorded: Exchange, base: str) -> object:
    """What the gateway said; it echoes what it was asked for."""
    found = recorded.json
    for item in found["detail"] if isinstance(found.get("detail"), list) else []:
        if isinstance(item["input"], dict) and item["input"].get("model") == "llama-2-7b":
            item["input"]["model"] = base
    return found


@pytest.mark.parametrize("name", OTHER_WORDS)
def test_the_same_status_and_a_reason(http, ids, name):
    _, reply = ask(http, ids, name)
    assert OTHER_WORDS[name] in reply.json()["detail"]


def test_a_job_from_its_creation_to_its_cancellation(http, ids):
    for name in ("141-ft-create-ok", "142-ft-create-ok-jsonl"):
        recorded, reply = ask(http, ids, name)
        check(recorded.json, reply.json())
        ids[recorded.json["id"]] = reply.json()["id"]
    for name in ("155-ft-get-pending", "157-ft-events", "158-ft-list"):
        recorded, reply = ask(http, ids, name)
        check(recorded.json, reply.json())
    for name in ("159-ft-cancel-ok", "160-ft-get-after-cancel"):
        recorded, reply = ask(http, ids, name)
        assert reply.json() == recorded.json
    first = ids["ft-907b988e5a834fc2a580"]
    assert http.put(f"/v1/llm/fine-tunes/{first}/cancel").json() == {"success": True}


def test_a_model_from_its_job_to_its_deletion(http, ids):
    _, reply = ask(http, ids, "122-models-download-ok")
    assert set(reply.json()["urls"]) == set(ADAPTER)
    assert all(url.startswith("http") for url in reply.json()["urls"].values())
    for name in ("126-models-delete-ok", "127-models-delete-404"):
        recorded, reply = ask(http, ids, name)
        assert reply.json() == recorded.json
    recorded = exchange("166-ft-model-get")
    check(recorded.json, http.get(f"/v1/llm/model-endpoints/{TUNED}").json())


def test_a_model_whose_base_is_not_served_is_listed_with_the_reason_and_can_be_deleted(http):
    model = http.get("/v1/llm/model-endpoints/orphan").json()
    assert (model["status"], model["spec"]["status"]) == ("UPDATE_FAILED", "UPDATE_FAILED")
    assert model["spec"]["status_reason"] == "its base model another is not served"
    body = {"prompt": "a", "max_new_tokens": 1, "temperature": 0}
    asked = http.post("/v1/llm/completions-sync", params={"model_endpoint_name": "orphan"}, json=body)
    assert asked.status_code == 404
    assert http.delete("/v1/llm/model-endpoints/orphan").json() == {"deleted": True}
    assert http.get("/v1/llm/model-endpoints/orphan").status_code == 404
