"""What `client.batch_completions` sends, how it watches a job, and what it makes of files."""

from __future__ import annotations

import inspect
import json
from datetime import datetime

import pytest

from core._player import Player
from core._server import RESET, reply
from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.core._operation import Operation, Request
from llmengine_integrations.core.errors import (
    APIConnectionError,
    APIStatusError,
    InvalidArgumentError,
    JobFailedError,
    JobTimeoutError,
    NotFoundError,
    ServerError,
)
from llmengine_integrations.core.resources.batch_completions import BatchCompletions
from llmengine_integrations.wire.batch_completions import (
    BatchCancelled,
    BatchJob,
    BatchJobReply,
    BatchJobUpdated,
    BatchModel,
)
from llmengine_integrations.wire.fine_tunes import FineTune

PROMPTS = {"prompts": ["one", "two"]}
ON_THE_WIRE = {"prompts": ["one", "two"], "max_new_tokens": 256, "temperature": 0.2}
CHATS = [{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}]
TEXTS = [{"prompt": "hi", "max_tokens": 3}]
LABELS = {"team": "t", "product": "p"}
MISSING = NotFoundError("Batch completion job-1 not found.", status_code=404)
INTERNAL = ServerError("Internal server error", status_code=500)
V1, V2 = "/v1/llm/fine-tunes/job-1", "/v2/batch-completions/job-1"


def play(method: str, *answers, **arguments):
    """Run a method on answers; return the player and the result."""
    player = Player(*answers)
    return player, player.run(getattr(BatchCompletions, method).build(None, **arguments))


def created(**arguments) -> Request:
    """The request that `create` sends."""
    arguments = {"model": "m", "output_data_path": "s3://o"} | arguments
    player, _ = play("create", BatchJob(job_id="job-1"), **arguments)
    assert player.asked[0].returns is BatchJob
    return player.asked[0].request


def refused(match: str, **arguments) -> None:
    """`create` sends nothing."""
    with pytest.raises(InvalidArgumentError, match=match):
        play("create", **({"model": "m", "output_data_path": "s3://o", "content": PROMPTS} | arguments))


def test_prompts_go_to_v1():
    body = {"output_data_path": "s3://o", "content": ON_THE_WIRE, "model_config": {"model": "m"}}
    assert created(content=PROMPTS) == Request(
        method="POST", path="/v1/llm/batch-completions", json=body, repeatable=False
    )


def test_prompts_go_to_v2_when_asked_to():
    request = created(content=PROMPTS, version="v2", timeout=3)
    assert (request.path, request.json["content"]) == ("/v2/batch-completions", ON_THE_WIRE)
    assert (request.repeatable, request.timeout) == (False, 3)


@pytest.mark.parametrize("content", [CHATS, TEXTS])
def test_requests_go_to_v2_as_they_are(content):
    assert created(content=content, version="v2").json["content"] == content


def test_settings_of_prompts():
    content = {"prompts": ("one",), "max_new_tokens": 5, "temperature": 0, "top_p": None, "stop_sequences": ["x"]}
    expected = {"prompts": ["one"], "max_new_tokens": 5, "temperature": 0, "stop_sequences": ["x"]}
    assert created(content=content).json["content"] == expected


def test_an_input_file_instead():
    body = created(input_data_path="s3://i").json
    assert body == {"output_data_path": "s3://o", "input_data_path": "s3://i", "model_config": {"model": "m"}}


HARDWARE = {
    "cpus": 8,
    "gpus": 2,
    "memory": "24Gi",
    "gpu_type": "nvidia-ampere-a10",
    "storage": "40Gi",
    "nodes_per_worker": 1,
}
JOB = {"max_runtime_sec": 60, "priority": "low", "tool_config": {"name": "code_evaluator"}, **HARDWARE}
MODEL = {
    "checkpoint_path": "s3://c",
    "num_shards": 2,
    "max_context_length": 9,
    "seed": 1,
    "max_model_len": 8,
    "dtype": "x",
}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_every_option_is_sent_where_it_belongs(version):
    """Failure 7 of upstream's client: v1 lost labels, priority, hardware and more without a word."""
    body = created(content=PROMPTS, version=version, **JOB, **MODEL).json
    assert body["model_config"] == {"model": "m", **MODEL}
    assert {name: body[name] for name in JOB} == JOB


def test_labels_are_where_each_version_reads_them():
    v1 = created(content=PROMPTS, labels=LABELS).json
    assert (v1["model_config"]["labels"], "labels" in v1) == (LABELS, False)
    assert created(content=PROMPTS, labels=LABELS, version="v2").json["labels"] == LABELS


def test_labels_may_be_left_out():
    """Failure 7 of upstream's client: an AttributeError without them."""
    body = created(content=CHATS, version="v2").json
    assert "labels" not in body
    assert body["model_config"] == {"model": "m"}


def test_neither_content_nor_a_file_or_both():
    """The gateway takes it, and the job fails hours later."""
    refused("either content or input_data_path", content=None)
    refused("either content or input_data_path", content=None, input_data_path="")
    refused("either content or input_data_path", input_data_path="s3://i")


@pytest.mark.parametrize("content", [{"prompts": []}, {}, [], {"prompts": "one"}, "one"], ids=repr)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_empty_content_is_refused(content, version):
    refused(".", content=content, version=version)


def test_what_only_v2_does_is_refused_by_v1():
    refused('version="v2"', content=CHATS)
    refused('version="v2"', data_parallelism=2)
    assert created(content=PROMPTS, data_parallelism=1).json["data_parallelism"] == 1
    assert created(content=PROMPTS, data_parallelism=4, version="v2").json["data_parallelism"] == 4


def test_empty_names_and_unknown_versions_are_refused():
    refused("model", model="")
    refused("output path", output_data_path="")
    refused("'v3'", version="v3")


def test_misspelt_names_are_errors():
    """Failure 24 of upstream's client: they were dropped without a word."""
    with pytest.raises(TypeError, match="did you mean 'max_runtime_sec'"):
        created(content=PROMPTS, max_runtime_secs=3)
    with pytest.raises(TypeError, match="did you mean 'max_new_tokens'"):
        created(content=PROMPTS | {"max_tokens": 3})


async def test_a_create_is_sent_once(api, server):
    """The gateway starts the job before it fails to answer: what is sent twice runs twice."""
    for script in (RESET, reply(500, {"detail": "Internal server error"}), reply(503, {"detail": "later"})):
        server.then(script)
        with pytest.raises((APIConnectionError, ServerError)):
            await api.call("batch_completions.create", "m", output_data_path="s3://o", content=PROMPTS)
    assert len(server.received) == 3


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_create_that_fails_says_what_may_be_running(version):
    with pytest.raises(ServerError) as caught:
        play(
            "create",
            ServerError("Internal server error"),
            model="m",
            output_data_path="s3://o",
            content=PROMPTS,
            version=version,
        )
    notes = " ".join(caught.value.__notes__)
    assert "fine_tunes.list().batch_jobs" in notes
    assert ('version="v1"' in notes) == (version == "v2")


LIVE = {  # what the open-source service would say, if its own types allowed it
    "job_id": "job-1",
    "output_data_path": "s3://o",
    "model_config": "llama-2-7b",
    "status": "paused",
    "created_at": "yesterday",
    "expires_at": "2026-11-22T08:39:21Z",
    "metadata": {"labels": {"team": "t"}},
    "owner": "me",
}


def test_a_lenient_job():
    job = BatchJob.model_validate_json(json.dumps(LIVE))
    assert (job.model_cfg, job.status, job.done) == ("llama-2-7b", "paused", False)
    assert job.metadata == {"labels": {"team": "t"}}
    assert job.created_at == "yesterday"
    assert job.expires_at == datetime.fromisoformat("2026-11-22T08:39:21Z")
    assert json.loads(job.model_dump_json(exclude_unset=True)) == LIVE


def test_a_job_whose_model_is_an_object():
    model = {"model": "m", "seed": 3, "rope_scaling": None, "new": 1}
    job = BatchJob.model_validate({"job_id": "j", "model_config": model})
    assert isinstance(job.model_cfg, BatchModel)
    assert (job.model_cfg.seed, job.model_cfg.model_extra) == (3, {"new": 1})
    odd = BatchJob.model_validate({"job_id": "j", "model_config": {"seed": "often"}})
    assert odd.model_cfg == {"seed": "often"}


def test_getting_a_job():
    job = BatchJob(job_id="job-1")
    player, found = play("get", BatchJobReply(job=job), job_id="job-1")
    assert found is job
    assert player.asked == [Operation(Request(method="GET", path=V2), BatchJobReply)]


async def test_updating_repeats_the_id(api, server):
    server.then(reply(200, {"job_id": "job-1", "priority": "high", "status": "queued", "success": True}))
    job = await api.call("batch_completions.update", "job-1", priority="high")
    assert (server.received[0].method, server.received[0].target) == ("POST", V2)
    assert server.received[0].json == {"job_id": "job-1", "priority": "high"}
    assert isinstance(job, BatchJobUpdated)
    assert (job.success, job.priority) == (True, "high")


def test_cancelling():
    player, cancelled = play("cancel", BatchCancelled(success=True), job_id="job-1")
    assert cancelled.success
    assert player.asked == [Operation(Request(method="POST", path=f"{V2}/actions/cancel"), BatchCancelled)]


def test_cancelling_what_is_not_there():
    missing = BatchCancelled(success=False)
    with pytest.raises(NotFoundError, match="'job-1'"):
        play("cancel", missing, job_id="job-1")
    assert play("cancel", missing, job_id="job-1", missing_ok=True)[1] is missing


@pytest.mark.parametrize("method", ["get", "update", "cancel", "wait"])
@pytest.mark.parametrize("name", ["", "a/b", ".."])
async def test_ids_that_would_reach_another_route_are_refused(api, server, method, name):
    """Failure 6 of upstream's client: names went into the path as they were."""
    with pytest.raises(InvalidArgumentError):
        await api.call(f"batch_completions.{method}", name)
    assert not server.received


def v2(status: str) -> BatchJobReply:
    return BatchJobReply(job=BatchJob(job_id="job-1", status=status))


def v1(status: str) -> FineTune:
    return FineTune(id="job-1", status=status)


def wait(*answers, **options):
    return play("wait", *answers, job_id="job-1", **options)


def test_waiting_for_a_job_of_v2():
    seen = []
    player, job = wait(v2("queued"), v2("running"), v2("unknown"), v2("completed"), on_status=seen.append)
    assert job.succeeded
    assert player.paths == [V2] * 4
    assert player.slept == [1, 1.5, 2.25]
    assert [job.status for job in seen] == ["queued", "running", "unknown", "completed"]


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_job_that_does_not_succeed(status):
    with pytest.raises(JobFailedError, match=f"Batch job-1 ended with status {status}") as caught:
        wait(v2("running"), v2(status))
    assert caught.value.job == BatchJob(job_id="job-1", status=status)


@pytest.mark.parametrize("error", [MISSING, INTERNAL], ids=repr)
def test_waiting_for_a_job_of_v1(error):
    """The v2 route does not know it, or fails for every job: the gateway lists it among the fine-tunes."""
    player, job = wait(error, v1("PENDING"), v1("RUNNING"), v1("UNDEFINED"), v1("SUCCESS"))
    assert job == BatchJob(job_id="job-1", status="completed")
    assert player.paths == [V2, V1, V1, V1, V1]


@pytest.mark.parametrize(("status", "ours"), [("FAILURE", "failed"), ("TIMEOUT", "failed"), ("CANCELLED", "cancelled")])
def test_a_job_of_v1_that_does_not_succeed(status, ours):
    with pytest.raises(JobFailedError, match=f"ended with status {ours}"):
        wait(MISSING, v1(status))


def test_a_job_that_is_nowhere():
    with pytest.raises(NotFoundError, match="Batch completion job-1 not found"):
        wait(MISSING, NotFoundError("The specified fine-tune job could not be found.", status_code=404))


def test_a_fine_tune_is_no_batch():
    with pytest.raises(NotFoundError, match="Batch completion job-1 not found"):
        wait(MISSING, FineTune(id="job-1", fine_tuned_model="m.1", status="RUNNING"))


def test_what_fails_otherwise_is_not_looked_for_elsewhere():
    error = APIStatusError("no", status_code=403)
    with pytest.raises(APIStatusError) as caught:
        wait(error)
    assert caught.value is error


def test_a_job_of_v2_is_not_looked_for_elsewhere_once_it_was_seen():
    player, _ = wait(v2("running"), INTERNAL, v2("completed"))
    assert player.paths == [V2] * 3
    with pytest.raises(JobFailedError, match="is gone"):
        wait(v2("running"), MISSING)


def test_waiting_has_an_end():
    with pytest.raises(JobTimeoutError) as caught:
        wait(MISSING, v1("RUNNING"), v1("RUNNING"), timeout=0.5)
    assert caught.value.job.status == "running"


async def test_waiting_over_the_wire(api, server, naps):
    server.then(reply(500, {"detail": "Internal server error"}))
    for status in ("RUNNING", "SUCCESS"):
        server.then(reply(200, {"id": "job-1", "fine_tuned_model": None, "status": status}))
    assert (await api.call("batch_completions.wait", "job-1")).succeeded
    assert server.targets == [V2, V1, V1]
    assert naps == [1]


@pytest.mark.parametrize("method", ["create", "get", "update", "cancel", "wait", "results", "input_file"])
def test_both_clients_have_everything(method):
    """Failure 19 of upstream's client: no async, no update, untyped replies."""
    signatures = [
        inspect.signature(getattr(client("http://127.0.0.1:1").batch_completions, method))
        for client in (Client, AsyncClient)
    ]
    assert signatures[0] == signatures[1]


def test_help_shows_every_option():
    names = inspect.signature(Client("http://127.0.0.1:1").batch_completions.create).parameters
    assert {"labels", "data_parallelism", "gpu_type", "checkpoint_path", "seed", "tool_config"} <= set(names)
