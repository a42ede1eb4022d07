"""Batch jobs over HTTP and through the client, on the default model and on one that always writes the same."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager

import httpx
import pytest
from pydantic import SecretStr

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.engine.config import EngineConfig
from llmengine_integrations.errors import BadRequestError, JobFailedError, NotFoundError
from llmengine_integrations.wire.chat import ChatCompletion
from llmengine_integrations.wire.completions import CompletionOutput
from llmengine_integrations.wire.text_completions import TextCompletion

from .fakes import FakeBatch, eventually, fake_lane, running

pytestmark = pytest.mark.engine

MODEL = "llmengine-tiny"
V1, V2 = "/v1/llm/batch-completions", "/v2/batch-completions"
PROMPTS = ["Where is Maria?", "What is red?", "Say hello."]
LABELS = {"team": "t", "product": "p"}


class Bench:
    """An engine of a fake model, for a block."""

    def __init__(self, url: str, data, batch: FakeBatch, server) -> None:
        self.http = httpx.Client(base_url=url, auth=("key", ""), timeout=30)
        self.client = Client(base_url=url, api_key="key", max_retries=0)
        self.shared, self.batch, self.server = data / "batches", batch, server

    def create(self, content=None, *, version="v2", output="out.json", model=MODEL, **fields) -> str:
        body = {"output_data_path": output, "model_config": {"model": model, **fields.pop("model_config", {})}}
        body |= {} if content is None else {"content": content}
        reply = self.http.post(V1 if version == "v1" else V2, json=body | fields)
        assert reply.status_code == 200, reply.text
        return reply.json()["job_id"]

    def job(self, job_id: str) -> dict:
        return self.http.get(f"{V2}/{job_id}").json()["job"]

    def ended(self, job_id: str) -> dict:
        assert eventually(lambda: self.job(job_id)["status"] in {"completed", "failed", "cancelled"}, 20)
        return self.job(job_id)

    def output(self, name: str = "out.json") -> list:
        return json.loads((self.shared / name).read_text())


@contextmanager
def bench(data, *, text="abc", delay=0.0, **settings):
    batch = FakeBatch(text, delay=delay)
    config = EngineConfig(port=0, data=data, api_key=SecretStr("key"), **settings)
    lane = fake_lane(batch, max_batch_size=config.max_batch_size)
    with running(config, lambda: {MODEL: lane}) as (url, server):
        found = Bench(url, data, batch, server)
        with found.http, found.client:
            yield found


def prompts(*texts: str, **settings) -> dict:
    return {"prompts": list(texts), "max_new_tokens": 8, "temperature": 0.0} | settings


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with bench(tmp_path_factory.mktemp("data") / "data") as found:
        yield found


# The client, and the real model


@pytest.fixture
def folder(engine_folder):
    return engine_folder


@pytest.fixture
def client(engine):
    with Client(base_url=engine.base_url, api_key=engine.api_key) as client:
        yield client


def test_v1_from_prompts_to_results(client, folder):
    content = {"prompts": PROMPTS, "max_new_tokens": 6, "temperature": 0.0, "return_token_log_probs": True}
    job = client.batch_completions.create(
        "llama-2-7b", output_data_path=str(folder / "v1.json"), content=content, labels=LABELS
    )
    assert job.job_id.startswith("job-")
    done = client.batch_completions.wait(job.job_id, poll_interval=0.05, timeout=60)
    assert (done.status, done.metadata) == (
        "completed",
        {**LABELS, "requests_total": "3", "requests_done": "3", "requests_failed": "0"},
    )
    found = client.batch_completions.results(done, content=content)
    assert [result.prompt for result in found] == PROMPTS
    for result in found:
        alone = client.completions.create(
            "llama-2-7b", result.prompt, max_new_tokens=6, temperature=0.0, return_token_log_probs=True
        ).output
        assert isinstance(result.output, CompletionOutput)
        assert result.output.text == alone.text
        assert result.output.num_completion_tokens == alone.num_completion_tokens == len(result.output.tokens)
        assert result.output.num_prompt_tokens == alone.num_prompt_tokens


async def test_v2_chats_from_a_file_asynchronously(engine, folder):
    requests = [
        {"messages": [{"role": "user", "content": prompt}], "max_tokens": 5, "temperature": 0, "logprobs": True}
        for prompt in PROMPTS
    ]
    async with AsyncClient(base_url=engine.base_url, api_key=engine.api_key) as client:
        source = await client.batch_completions.input_file(folder / "in.json", requests)
        job = await client.batch_completions.create(
            "llama-2-7b",
            version="v2",
            input_data_path=source,
            output_data_path=(folder / "v2.json").as_uri(),
            data_parallelism=4,
            labels=LABELS,
        )
        done = await client.batch_completions.wait(job.job_id, poll_interval=0.05, timeout=60)
        found = await client.batch_completions.results(done)
        alone = await client.chat.create(**requests[0], model="llama-2-7b")
    assert [result.request for result in found] == requests
    assert all(isinstance(result.output, ChatCompletion) for result in found)
    assert found[0].text == alone.text
    assert found[0].output.model == "llama-2-7b"
    assert done.model_cfg.model == "llama-2-7b"
    assert 0 <= (done.completed_at - done.created_at).total_seconds() < 60


def test_v2_texts(client, folder):
    requests = [
        {"prompt": "Where is Maria?", "max_tokens": 4, "temperature": 0},
        {"prompt": ["a", "b"], "max_tokens": 3, "n": 2, "seed": 1, "temperature": 1.0},
        {"prompt": "x", "guided_choice": ["yes", "no"], "max_tokens": 9},
    ]
    path = folder / "texts.json"
    job = client.batch_completions.create("llama-2-7b", version="v2", output_data_path=str(path), content=requests)
    assert (job.status, job.done) == ("queued", False)
    found = client.batch_completions.results(client.batch_completions.wait(job.job_id, poll_interval=0.05))
    assert all(isinstance(result.output, TextCompletion) for result in found)
    assert [len(result.output.choices) for result in found] == [1, 4, 1]
    assert found[2].text in {"yes", "no"}
    assert found[0].text == client.text_completions.create(**requests[0], model="llama-2-7b").text


def test_a_job_that_fails_says_why(client, folder):
    with pytest.raises(BadRequestError, match="--allow-path"):
        client.batch_completions.create("llama-2-7b", output_data_path="/etc/x.json", content={"prompts": ["a"]})
    job = client.batch_completions.create(
        "llama-2-7b", input_data_path=str(folder / "none.json"), output_data_path=str(folder / "o.json")
    )
    with pytest.raises(JobFailedError):
        client.batch_completions.wait(job.job_id, poll_interval=0.05)
    error = client.batch_completions.get(job.job_id).metadata["error"]
    assert error == "The input file cannot be read: No such file or directory."
    with pytest.raises(NotFoundError):
        client.batch_completions.get("batch-1")
    with pytest.raises(NotFoundError):
        client.batch_completions.cancel("batch-1")
    assert client.batch_completions.cancel(job.job_id).success
    assert client.batch_completions.get(job.job_id).status == "failed"


# The rest on a model that always writes "abc"


def test_what_a_job_looks_like(shop):
    before = time.time()
    job_id = shop.create(prompts("a"), labels=LABELS, priority="low", max_runtime_sec=60)
    done = shop.ended(job_id)
    assert done["priority"] == "low"
    assert (done["output_data_path"], done["input_data_path"]) == (str(shop.shared / "out.json"), None)
    assert done["metadata"]["team"] == "t"
    assert done["model_config"]["model"] == MODEL
    assert done["completed_at"] > done["created_at"]
    assert before - 1 < time.time() < before + 30
    assert shop.output() == [{"text": "abc", "num_prompt_tokens": 2, "num_completion_tokens": 4, "tokens": None}]


def test_it_is_listed_with_the_fine_tunes(tmp_path):
    """As the gateway lists it: without a model that it makes."""
    with bench(tmp_path / "data", delay=0.05) as shop:
        ends = [shop.create(prompts("a"), output="1.json"), shop.create(output="2.json")]  # without content it fails
        for job_id in ends:
            shop.ended(job_id)
        running, waiting, dropped = (shop.create(prompts("a" * 50, max_new_tokens=1000)) for _ in range(3))
        assert shop.client.batch_completions.cancel(dropped).success
        assert eventually(lambda: shop.job(running)["status"] == "running")
        jobs = shop.http.get("/v1/llm/fine-tunes").json()["jobs"]
        listed = shop.client.fine_tunes.list()
    wanted = ["SUCCESS", "FAILURE", "RUNNING", "PENDING", "CANCELLED"]
    assert jobs == [
        {"id": job_id, "fine_tuned_model": None, "status": status}
        for job_id, status in zip([*ends, running, waiting, dropped], wanted, strict=True)
    ]
    assert (len(listed), [job.id for job in listed.batch_jobs]) == (0, [job["id"] for job in jobs])


def test_rows_that_fail_do_not_fail_the_job(shop):
    rows = [
        {"prompt": "a", "max_tokens": 2},
        {"prompt": "b", "max_tokens": 0},
        "no request",
        {"messages": []},
        {"prompt": "c", "temperature": 9},
        {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 3, "stream": True, "model": "another"},
        {"prompt": "x" * 20_000},
        {},
    ]
    (shop.shared / "mixed.json").write_text(json.dumps(rows))
    job = shop.ended(shop.create(input_data_path="mixed.json", output="mixed-out.json"))
    assert (job["status"], job["metadata"]) == (
        "completed",
        {"requests_total": "8", "requests_done": "8", "requests_failed": "6"},
    )
    found = shop.client.batch_completions.results(
        str(shop.shared / "mixed-out.json"), input_data_path=shop.shared / "mixed.json"
    )
    assert [result.ok for result in found] == [True, False, False, False, False, True, False, False]
    assert [found[0].text, found[5].text] == ["ab", "abc"]
    assert found[5].output.model == MODEL
    assert found[1].raw == {
        "object": "error",
        "message": "max_tokens of 0 needs echo, for there would be no text at all.",
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    }
    assert "temperature" in found[4].error
    assert "maximum context length" in found[6].error


def test_settings_that_do_not_go_together_fail_every_row(shop):
    job = shop.ended(shop.create(prompts("a", "b", top_k=0), version="v1", output="k.json"))
    assert job["metadata"]["requests_failed"] == "2"
    assert [item["code"] for item in shop.output("k.json")] == [400, 400]


def test_a_model_that_fails_fails_its_rows(tmp_path):
    with bench(tmp_path / "data") as shop:
        shop.batch.fail_at = 1
        assert shop.ended(shop.create(prompts("a", "b")))["metadata"]["requests_failed"] == "2"
        assert [item["code"] for item in shop.output()] == [500, 500]


@pytest.mark.parametrize("content", [prompts(), []])
def test_nothing_to_do(shop, content):
    assert shop.ended(shop.create(content, output="nothing.json"))["status"] == "completed"
    assert shop.output("nothing.json") == []


def test_text_of_all_languages(tmp_path):
    with bench(tmp_path / "data", text="é🌍\u2028") as shop:
        shop.ended(shop.create(prompts("ü"), output="ä/b c.json"))
        assert shop.output("ä/b c.json")[0]["text"] == "é🌍\u2028"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"{", "not valid JSON"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[" + b"[]," * 3_000_000 + b"1]", "more than 5000000 values"),
        (b'"text"', "not an object with prompts"),
        (b'{"prompts": ["a"]}', "max_new_tokens"),
        (b'[{"prompt": "a"}]', "not an object with prompts"),
    ],
)
def test_input_files_of_v1_that_are_none(shop, source, reason):
    (shop.shared / "bad.json").write_bytes(source)
    job = shop.ended(shop.create(input_data_path="bad.json", version="v1", output="bad-out.json"))
    assert job["status"] == "failed"
    assert job["completed_at"] is None
    assert reason in job["metadata"]["error"]
    assert not (shop.shared / "bad-out.json").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_an_input_file_that_is_a_pipe(shop):
    """Opening it would wait until somebody writes, and all jobs with it."""
    os.mkfifo(shop.shared / "pipe")
    job = shop.ended(shop.create(input_data_path="pipe", output="pipe-out.json"))
    assert job["metadata"] == {"error": "The input file cannot be read: it is not a file."}


def test_a_job_without_content_or_input_fails(shop):
    job = shop.ended(shop.create(version="v1"))
    assert job["metadata"] == {"error": "There is neither content nor an input_data_path."}


def test_an_output_path_that_is_a_folder(shop):
    (shop.shared / "taken").mkdir()
    job = shop.ended(shop.create(prompts("a"), output="taken"))
    assert job["metadata"]["error"].startswith("The output file cannot be written:")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"output_data_path": "s3://bucket/out.json"}, "local files only"),
        ({"output_data_path": "../engine.sqlite3"}, "--allow-path"),
        ({"input_data_path": "/etc/passwd"}, "--allow-path"),
        ({"tool_config": {"name": "code_evaluator"}}, "--allow-code-evaluator"),
        ({"tool_config": {"name": "other"}}, "Only code_evaluator tool is supported for batch completions."),
        ({"model_config": {"model": "nope"}}, "No checkpoint path found for model nope"),
        ({"model_config": {"model": "nope", "checkpoint_path": "s3://x"}}, "serves no model nope"),
        ({"model_config": {"model": MODEL, "checkpoint_path": "/x"}}, "Given checkpoint path: /x."),
        ({"labels": {"a": "\ud800"}}, "labels contains an unpaired surrogate"),
    ],
)
@pytest.mark.parametrize("path", [V1, V2])
def test_what_is_refused(shop, path, fields, reason):
    body = {"output_data_path": "o.json", "model_config": {"model": MODEL}, "content": prompts("a")} | fields
    reply = shop.http.post(path, content=json.dumps(body), headers={"content-type": "application/json"})
    assert reply.status_code == 400
    assert reason in reply.json()["detail"]


def test_a_checkpoint_elsewhere_is_not_looked_at(shop):
    job_id = shop.create(prompts("a"), model_config={"checkpoint_path": "s3://bucket/llama"}, version="v1")
    assert shop.ended(job_id)["model_config"]["checkpoint_path"] == "s3://bucket/llama"


def test_a_tool_is_for_prompts(shop):
    body = {"output_data_path": "o", "model_config": {"model": MODEL}, "content": [{"prompt": "a"}]}
    reply = shop.http.post(V2, json=body | {"tool_config": {"name": "code_evaluator"}})
    assert (reply.status_code, reply.json()["detail"][:11]) == (400, "tool_config")


def test_the_key_is_asked_for(shop):
    for method, path in (("POST", V1), ("POST", V2), ("GET", f"{V2}/x"), ("POST", f"{V2}/x")):
        assert httpx.request(method, str(shop.http.base_url) + path, json={}).status_code == 401
    assert httpx.post(f"{shop.http.base_url}{V2}/x/actions/cancel").status_code == 401


def test_a_seed_makes_it_repeatable_and_rows_differ(client, folder):
    def texts(name: str, seed: int) -> list[str]:
        path = str(folder / name)
        content = {"prompts": ["Once"] * 3, "max_new_tokens": 12, "temperature": 1.0}
        job = client.batch_completions.create("llama-2-7b", output_data_path=path, content=content, seed=seed)
        client.batch_completions.wait(job.job_id, poll_interval=0.05)
        return [result.text for result in client.batch_completions.results(path)]

    first = texts("seed1.json", 7)
    assert first == texts("seed2.json", 7)
    assert len(set(first)) > 1
