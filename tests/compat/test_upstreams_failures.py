"""What upstream's own client fails at, in the order in which the notes on the gateway's contract count it (section 8).

These are the requests that it gets wrong; the rest is in the files beside this one.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from core._server import reply
from llmengine_integrations.compat import Completion, File, FineTune, Model, data_types, errors
from llmengine_integrations.errors import InvalidArgumentError
from recordings.tape import exchange

LABELS = {"team": "t", "product": "p"}
TASK = reply(200, {"endpoint_creation_task_id": "task"})


async def test_1_a_fine_tune_needs_no_hyperparameters(call, gateway):
    gateway.answers("141-ft-create-ok")
    created = await call(FineTune.create, "llama-2-7b", "file-1", suffix="s")
    assert gateway.sent.json == {
        "model": "llama-2-7b",
        "training_file": "file-1",
        "hyperparameters": {},
        "suffix": "s",
    }
    assert created.id == created.fine_tune_id == "ft-907b988e5a834fc2a580"


async def test_2_an_endpoint_whose_hardware_the_gateway_infers(call, gateway):
    gateway.answers("107-models-create-ok-hw-inferred")
    made = await call(Model.create, "my-model", "llama-2-7b", "latest", labels=LABELS, public_inference=False)
    assert made.endpoint_creation_task_id == "test_creation_task_id"
    sent = gateway.sent.json
    assert "nodes_per_worker" not in sent
    recorded = json.loads(exchange("107-models-create-ok-hw-inferred").request.body)
    del recorded["checkpoint_path"]
    assert sent == recorded | {"per_worker": 2, "high_priority": False}


async def test_2_an_endpoint_of_chosen_hardware(call, gateway):
    gateway.then(TASK)
    hardware = {
        "cpus": 8,
        "memory": "24Gi",
        "storage": "40Gi",
        "gpus": 1,
        "gpu_type": data_types.GpuType.NVIDIA_AMPERE_A10,
    }
    await call(Model.create, "m5", "llama-2-7b", "latest", labels=LABELS, max_model_len=512, **hardware)
    sent = gateway.sent.json
    assert {name: sent[name] for name in hardware} == hardware
    assert (sent["nodes_per_worker"], sent["max_model_len"], sent["endpoint_type"]) == (1, 512, "streaming")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "team and product"),
        ({"labels": {}}, "team and product"),
        ({"labels": {"team": "t"}}, "product"),
        ({"labels": LABELS, "gpus": 1}, "cpus, memory, gpu_type, storage missing"),
        ({"labels": LABELS, "nodes_per_worker": 2}, "missing"),
    ],
)
async def test_2_what_the_gateway_would_refuse_is_refused_before(call, gateway, options, says):
    with pytest.raises(InvalidArgumentError, match=says):
        await call(Model.create, "m", "llama-2-7b", "latest", **options)
    assert gateway.received == []


async def test_3_an_update_sends_what_is_given_and_stays_private(call, gateway):
    private = exchange("103-models-get").json
    private["spec"]["public_inference"] = False
    gateway.then(reply(200, private)).then(TASK)
    await call(Model.update, "llama-2-7b", max_workers=2, post_inference_hooks=[data_types.PostInferenceHooks.CALLBACK])
    assert [sent.method for sent in gateway.received] == ["GET", "PUT"]
    assert gateway.sent.json == {"max_workers": 2, "post_inference_hooks": ["callback"], "public_inference": False}


async def test_3_an_update_can_name_the_framework_and_not_change_the_type(call, gateway):
    gateway.then(TASK)
    with pytest.warns(UserWarning, match="endpoint_type is left out") as warned:
        await call(
            Model.update,
            "m",
            min_workers=1,
            endpoint_type="streaming",
            public_inference=True,
            inference_framework="sglang",
        )
    assert "tests" in warned[0].filename  # where the call stands, not inside the package
    assert gateway.sent.json == {"min_workers": 1, "public_inference": True, "inference_framework": "sglang"}


async def test_4_one_unknown_endpoint_does_not_hide_the_others(call, gateway):
    found = exchange("102-models-list-exotic").json
    found["model_endpoints"][0] |= {"inference_framework": "next", "status": "NAPPING", "quantize": "half"}
    gateway.then(reply(200, found))
    listed = (await call(Model.list)).model_endpoints
    assert [model.name for model in listed] == [model["name"] for model in found["model_endpoints"]]
    assert {"sglang", "deepspeed", "next"} <= {model.inference_framework for model in listed}
    assert {model.spec.endpoint_type for model in listed} == {"sync", "async", "streaming"}
    assert listed[0].status.value == "NAPPING"
    assert listed[1].status is data_types.ModelEndpointStatus.READY


async def test_5_no_field_of_an_endpoint_is_lost(call, gateway):
    recorded = exchange("103-models-get").json
    gateway.then(reply(200, recorded | {"a_new_field": {"a": 1}}))
    model = await call(Model.get, "llama-2-7b")
    assert model.inference_framework_tag == model.inference_framework_image_tag == "0.2.7"
    assert model.checkpoint_path == "s3://fake-bucket/llama-2-7b"
    assert json.loads(model.json(exclude_unset=True)) == recorded | {"a_new_field": {"a": 1}}


@pytest.mark.parametrize("name", ["a&model_endpoint_name=llama-2-7b", "a#b", "a+b", "a b", "org/a", "ü"])
@pytest.mark.parametrize("stream", [False, True])
async def test_6_a_name_reaches_the_server_as_it_is(call, gateway, name, stream):
    gateway.then(reply(404, {"detail": "No."}))
    with pytest.raises(errors.NotFoundError):
        await call(Completion.create, name, "hi", stream=stream)
    assert parse_qsl(urlsplit(gateway.sent.target).query) == [("model_endpoint_name", name)]


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        (Completion.get_batch_completion, []),
        (Completion.cancel_batch_completion, []),
        (FineTune.get, []),
        (FineTune.cancel, []),
        (FineTune.get_events, []),
        (Model.get, []),
        (Model.delete, []),
        (Model.update, []),
        (File.get, []),
        (File.download, []),
        (File.delete, []),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
async def test_6_no_name_reaches_another_route(call, gateway, method, arguments):
    options = {"max_workers": 2} if method is Model.update else {}
    for name in ("", "../fine-tunes", "..", "a/b"):
        with pytest.raises(InvalidArgumentError):
            await call(method, name, **options)
    assert gateway.received == []
    gateway.then(reply(404, {"detail": "No."}))
    with pytest.raises(errors.NotFoundError):
        await call(method, "a?b#c d", **options)
    assert "/a%3Fb%23c%20d" in gateway.sent.target


async def test_7_a_batch_of_v2_needs_no_labels(call, gateway):
    gateway.answers("178-batch2-create-ok-chat")
    job = await call(
        Completion.batch_create,
        "s3://o",
        data_types.CreateBatchCompletionsV2ModelConfig(model="llama-2-7b", max_model_len=99),
        content=[
            data_types.FilteredChatCompletionV2Request(messages=[{"role": "user", "content": "hi"}], max_tokens=3)
        ],
        data_parallelism=4,
        use_v2=True,
    )
    assert gateway.sent.target == "/v2/batch-completions"
    assert gateway.sent.json == {
        "output_data_path": "s3://o",
        "content": [{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 3}],
        "model_config": {"model": "llama-2-7b", "max_model_len": 99},
        "data_parallelism": 4,
        "max_runtime_sec": 86400,
    }
    assert job.status is data_types.BatchCompletionsJobStatus.Queued
    assert job.model_cfg.model == job.dict()["model_config"]["model"] == "llama-2-7b"


async def test_7_a_batch_of_v1_drops_nothing(call, gateway):
    gateway.answers("168-batch1-ok")
    await call(
        Completion.batch_create,
        "s3://o",
        {"model": "m", "labels": {"team": "of the model"}},
        {"prompts": ["hi"], "max_new_tokens": 1, "temperature": 0.0},
        labels=LABELS,
        priority="high",
        cpus=1,
        gpus=2,
        memory="1Gi",
        gpu_type="nvidia-tesla-t4",
        storage="2Gi",
        nodes_per_worker=1,
    )
    assert gateway.sent.json == {
        "output_data_path": "s3://o",
        "content": {"prompts": ["hi"], "max_new_tokens": 1, "temperature": 0.0},
        "model_config": {"model": "m", "labels": LABELS},
        "data_parallelism": 1,
        "max_runtime_sec": 86400,
        "priority": "high",
        "cpus": 1,
        "gpus": 2,
        "memory": "1Gi",
        "gpu_type": "nvidia-tesla-t4",
        "storage": "2Gi",
        "nodes_per_worker": 1,
    }


async def test_7_a_batch_of_nothing_is_a_value_error(call, gateway):
    with pytest.raises(ValueError, match="content or input_data_path"):
        await call(Completion.batch_create, "s3://o", {"model": "m"})
    assert gateway.received == []
