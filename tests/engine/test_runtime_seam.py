"""Runtimes of other kinds behind the real routes: awaited, without torch, and several in one engine."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH, EngineConfig, EngineConfigError
from llmengine_integrations.engine.http.server import serve
from llmengine_integrations.engine.runtime.dispatcher import Runtimes
from llmengine_integrations.engine.runtime.generation import Generation, GenerationError, GenerationRequest
from llmengine_integrations.engine.runtime.lora_options import LoraOptions
from llmengine_integrations.engine.runtime.runtime import ModelDescription, QueueFullError

from .conftest import parse_events
from .echo_runtime import EchoRuntime
from .fakes import FakeBatch, eventually, fake_lane, running

pytestmark = pytest.mark.engine

TEXT_ONLY = ModelDescription(device="cpu", context_length=77)
CHATTY = ModelDescription(device="cuda", chat=True, adapters=True)
PROMPT = "all work and no play"


def config(tmp_path: Path, *names: str) -> EngineConfig:
    return EngineConfig(models=dict.fromkeys(names, DEFAULT_MODEL_PATH), port=0, data=tmp_path / "data")


@pytest.fixture
def runtimes():
    return {"text": EchoRuntime(TEXT_ONLY), "chatty": EchoRuntime(CHATTY)}


@pytest.fixture
def http(tmp_path, runtimes):
    with running(config(tmp_path, *runtimes), served=Runtimes(runtimes)) as (url, server):
        assert server.ready_event.wait(10)
        with httpx.Client(base_url=url, auth=("key", ""), timeout=10) as http:
            assert eventually(lambda: http.get("/readyz").status_code == 200)
            yield http


def complete(http: httpx.Client, how: str, model: str, **fields: object) -> httpx.Response:
    body = {"prompt": PROMPT, "max_new_tokens": 3, "temperature": 0.0, **fields}
    return http.post(f"/v1/llm/completions-{how}?model_endpoint_name={model}", json=body)


def chunks(reply: httpx.Response) -> list[dict]:
    return parse_events(reply.content)


def test_completions(http):
    output = complete(http, "sync", "text").json()["output"]
    assert (output["text"], output["num_prompt_tokens"], output["num_completion_tokens"]) == (" all work and", 5, 3)
    events = chunks(complete(http, "stream", "chatty"))
    assert [event["output"]["text"] for event in events] == [" all", " work", " and"]
    assert events[-1]["output"]["finished"] is True


def test_chats_and_text_completions(http):
    chat = {"model": "chatty", "messages": [{"role": "user", "content": PROMPT}]}
    (choice,) = http.post("/v2/chat/completions", json=chat).json()["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == (f" {PROMPT}", "stop")
    streamed = chunks(http.post("/v2/chat/completions", json={**chat, "stream": True}))
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in streamed) == f" {PROMPT}"
    body = {"model": "text", "prompt": ["one two", "three"], "n": 2, "max_tokens": 1}
    found = http.post("/v2/completions", json=body).json()["choices"]
    assert [choice["text"] for choice in found] == [" one", " one", " three", " three"]


def test_a_batch(http):
    body = {
        "model_config": {"model": "chatty"},
        "output_data_path": "out.json",
        "content": [
            {"messages": [{"role": "user", "content": "hello there"}]},
            {"messages": [{"role": "user", "content": "boom"}]},
        ],
    }
    created = http.post("/v2/batch-completions", json=body)
    assert created.status_code == 200, created.text
    job = created.json()["job_id"]
    assert eventually(lambda: http.get(f"/v2/batch-completions/{job}").json()["job"]["status"] == "completed")
    written = Path(http.get(f"/v2/batch-completions/{job}").json()["job"]["output_data_path"])
    first, second = json.loads(written.read_text())
    assert first["choices"][0]["message"]["content"] == " hello there"
    assert second["code"] == 500


def test_models_and_fine_tunes(http):
    listed = {model["name"]: model for model in http.get("/v1/llm/model-endpoints").json()["model_endpoints"]}
    assert listed["text"]["spec"]["metadata"]["max_model_len"] == 77
    assert [listed[name]["spec"]["resource_state"]["gpus"] for name in ("text", "chatty")] == [0, 1]
    file = http.post("/v1/files", files={"file": ("rows.csv", b"prompt,response\na,b\n")}).json()["id"]
    refused = http.post("/v1/llm/fine-tunes", json={"model": "text", "training_file": file, "hyperparameters": {}})
    assert (refused.status_code, "an echo cannot be trained" in refused.json()["detail"]) == (400, True)


@pytest.mark.parametrize(
    ("route", "fields", "reason"),
    [
        ("chat/completions", {"messages": [{"role": "user", "content": "hi"}]}, "no chat template"),
        ("completions", {"prompt": "hi", "logprobs": 1}, "no log-probabilities"),
        ("completions", {"prompt": "hi", "guided_choice": ["a"]}, "no guided decoding"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_a_model_cannot_do_is_refused(http, route, fields, reason, stream):
    reply = http.post(f"/v2/{route}", json={"model": "text", "stream": stream, **fields})
    assert (reply.status_code, reason in reply.json()["detail"]) == (400, True)


def test_tools_without_a_template_for_them(http):
    tool = {"type": "function", "function": {"name": "f"}}
    body = {"model": "chatty", "messages": [{"role": "user", "content": "hi"}], "tools": [tool]}
    reply = http.post("/v2/chat/completions", json=body)
    assert (reply.status_code, reply.json()["detail"]) == (400, "This model cannot call tools.")


def test_failures_and_full_queues(http, runtimes):
    failed = complete(http, "sync", "text", prompt="boom")
    assert (failed.status_code, failed.json()["detail"].startswith("Upstream service error")) == (500, True)
    runtimes["text"]._max_waiting = 0
    assert complete(http, "sync", "text").status_code == 429
    assert complete(http, "sync", "chatty").status_code == 200


def test_a_client_that_leaves_frees_the_runtime(http, runtimes):
    echo = runtimes["text"]
    echo.pace.clear()
    with http.stream(
        "POST",
        "/v1/llm/completions-stream?model_endpoint_name=text",
        json={"prompt": PROMPT, "max_new_tokens": 3, "temperature": 0.0},
    ):
        assert eventually(lambda: len(echo._running) == 1)
    for _, generation in list(echo._running.values()):
        assert eventually(lambda generation=generation: generation.cancelled)


def test_torch_and_another_runtime_side_by_side(tmp_path):
    from llmengine_integrations.engine.runtime.torch_runtime.scheduler import Scheduler  # noqa: PLC0415 - one test's

    torch_runtime = Scheduler(lambda: {"lane": fake_lane(FakeBatch("abc"))}, max_waiting=10)
    served = Runtimes({"lane": torch_runtime, "echo": EchoRuntime(TEXT_ONLY)})
    with running(config(tmp_path, "lane", "echo"), served=served) as (url, server):
        assert server.ready_event.wait(10)
        with httpx.Client(base_url=url, auth=("key", ""), timeout=10) as http:
            assert complete(http, "sync", "lane").json()["output"]["text"] == "abc"
            assert complete(http, "sync", "echo").json()["output"]["text"] == " all work and"


def test_a_runtime_that_cannot_start_ends_the_engine(tmp_path):
    broken = EchoRuntime(TEXT_ONLY)
    broken.fail = OSError("no such server")
    errors: list[Exception] = []

    def run() -> None:
        try:
            serve(
                config(tmp_path, "broken", "well"),
                on_listening=lambda *_: None,
                runtimes=Runtimes({"broken": broken, "well": EchoRuntime(TEXT_ONLY)}),
            )
        except EngineConfigError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert [str(error) for error in errors] == ["no such server"]


async def test_adapters_go_to_the_runtime_of_their_base(tmp_path):
    first, second = EchoRuntime(TEXT_ONLY), EchoRuntime(CHATTY)
    runtimes = Runtimes({"first": first, "second": second})
    ready = asyncio.Event()
    runtimes.start(ready.set, lambda error: pytest.fail(str(error)))
    await ready.wait()
    (tmp_path / "adapter_config.json").touch()
    await runtimes.load_adapter("tuned", base="second", folder=tmp_path)
    assert (first.adapters, second.adapters) == (set(), {"tuned"})
    assert runtimes.describe("tuned") is CHATTY
    generation = Generation(GenerationRequest(prompt="say it", max_new_tokens=None))
    runtimes.submit("tuned", generation)
    assert [piece.text for piece in await generation.take()] == [" SAY", " IT"]
    for name, base, folder, reason in [
        ("first", "second", tmp_path, "first is the name of a model"),
        ("other", "nobody", tmp_path, "nobody is not a served model"),
        ("tuned", "first", tmp_path, "tuned is loaded already, for a model of another runtime"),
        ("other", "second", tmp_path / "gone", "it has no adapter_config.json"),
    ]:
        with pytest.raises(ValueError, match=reason):
            await runtimes.load_adapter(name, base=base, folder=folder)
    with pytest.raises(ValueError, match="nobody is not a served model"):
        await runtimes.check_tuning("nobody", LoraOptions())
    waiting = Generation(GenerationRequest(prompt="say it", max_new_tokens=None))
    runtimes.submit("tuned", waiting)
    await runtimes.unload_adapter("tuned")
    for name in ("tuned", "other"):
        with pytest.raises(GenerationError, match="is not served any more") as caught:
            runtimes.submit(name, Generation(GenerationRequest(prompt="x", max_new_tokens=None)))
        assert caught.value.status_code == 404
    with pytest.raises(GenerationError, match="tuned is not served any more"):
        await waiting.take()
    runtimes.stop()
    assert not runtimes.ready
    with pytest.raises(GenerationError, match="shutting down"):
        runtimes.submit("first", Generation(GenerationRequest(prompt="x", max_new_tokens=None)))
    assert runtimes.join(1)


async def test_a_full_queue_is_the_runtimes_own():
    full = EchoRuntime(TEXT_ONLY, max_waiting=0)
    runtimes = Runtimes({"full": full, "free": EchoRuntime(TEXT_ONLY)})
    with pytest.raises(QueueFullError):
        runtimes.submit("full", Generation(GenerationRequest(prompt="x", max_new_tokens=None)))
    runtimes.submit("free", Generation(GenerationRequest(prompt="x", max_new_tokens=None)))
    runtimes.stop()


def test_routes_and_batch_jobs_import_without_torch():
    heavy = "{'torch', 'transformers', 'peft', 'safetensors', 'tokenizers'}"
    code = f"import sys; import llmengine_integrations.engine.http.app; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 - our own code
    assert done.stdout.strip() == "set()"
