"""What `client.models` sends: how it creates and changes endpoints, and waits for them."""

from __future__ import annotations

import inspect
import json

import pytest
from pydantic import TypeAdapter, ValidationError

from core._player import Player
from core._server import RESET, reply
from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.core._operation import Operation, Request
from llmengine_integrations.core.resources._endpoint_bodies import (
    CLEAR,
    check_framework,
    check_hardware,
    check_labels,
)
from llmengine_integrations.core.resources.models import Models
from llmengine_integrations.errors import (
    APIConnectionError,
    BadRequestError,
    InvalidArgumentError,
    JobFailedError,
    JobTimeoutError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
)
from llmengine_integrations.wire.models import (
    CreateModelOptions,
    CreateModelRequest,
    EndpointSpec,
    Model,
    ModelDeletion,
    ModelDownload,
    ModelTask,
    UpdateModelRequest,
)

LABELS = {"team": "t", "product": "p"}
TASK = ModelTask(endpoint_creation_task_id="task")
TASK_REPLY = reply(200, {"endpoint_creation_task_id": "task"})
HARDWARE = {
    "cpus": "8",
    "gpus": 1,
    "memory": "24Gi",
    "gpu_type": "nvidia-ampere-a10",
    "storage": "40Gi",
    "nodes_per_worker": 1,
}
GONE = NotFoundError("Model Endpoint m  was not found.", status_code=404)
create = Models.create.build


def model(status="READY", *, public=True, framework="vllm", **more):
    spec = {"id": "e", "name": "m", "endpoint_type": "streaming", "public_inference": public}
    return Model(name="m", status=status, inference_framework=framework, spec=EndpointSpec(**spec), **more)


def put(**body):
    return Operation(Request(method="PUT", path="/v1/llm/model-endpoints/m", json=body, repeatable=False), ModelTask)


def update(*answers, **given):
    """What an update sends."""
    player = Player(*answers)
    player.run(Models.update.build(None, "m", **given))
    return player.asked


# Creating.


def test_create_sends_what_is_safe():
    """Failure 2 of upstream's client: nodes_per_worker alone, no labels. And the gateway's own defaults would be `sync` and public."""
    body = {
        "name": "m",
        "model_name": "llama-2-7b",
        "labels": LABELS,
        "metadata": {},
        "min_workers": 0,
        "max_workers": 1,
        "per_worker": 2,
        "inference_framework": "vllm",
        "endpoint_type": "streaming",
        "public_inference": False,
    }
    expected = Request(method="POST", path="/v1/llm/model-endpoints", json=body, repeatable=False)
    assert create(None, "m", "llama-2-7b", labels=LABELS) == Operation(expected, ModelTask)


def test_every_option_is_sent_as_it_is():
    given = {
        **HARDWARE,
        "source": "hugging_face",
        "checkpoint_path": "s3://b/m",
        "default_callback_auth": {"kind": "basic", "username": "u", "password": "p"},
        "max_model_len": 4096,
        "enforce_eager": False,
        "metadata": {"a": 1},
        "min_workers": 1,
        "endpoint_type": "sync",
        "public_inference": True,
    }
    body = create(None, "m", "llama-2-7b", labels=LABELS, **given).request.json
    assert {name: body[name] for name in given} == given


async def test_a_create_is_sent_once(api, server):
    server.then(RESET)
    with pytest.raises(APIConnectionError):
        await api.call("models.create", "m", "llama-2-7b", labels=LABELS)
    server.then(reply(503, {"detail": "Message broker temporarily unavailable. Please retry."}))
    with pytest.raises(ServerError):
        await api.call("models.create", "m", "llama-2-7b", labels=LABELS)
    assert len(server.received) == 2


@pytest.mark.parametrize("name", ["", "org/model", ".."])
def test_a_name_that_no_route_could_reach_is_not_created(name):
    with pytest.raises(InvalidArgumentError):
        create(None, name, "llama-2-7b", labels=LABELS)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({}, "need team and product, for example"),
        ({"team": "t"}, "need product"),
        ({**LABELS, "user_id": "u"}, "sets the label user_id"),
        ({**LABELS, "endpoint_name": "e"}, "sets the label endpoint_name"),
        ({**LABELS, "x": "a b"}, "'a b'"),
        ({**LABELS, "x": "-a"}, "'-a'"),
        ({**LABELS, "x": "a."}, "begins and ends"),
        ({**LABELS, "x": "a" * 64}, "63"),
        ({**LABELS, "x": "a\n"}, "label x"),
        ({**LABELS, "x": "ä"}, "label x"),
        ({**LABELS, "x": 7}, "label x is 7"),
    ],
)
def test_labels_that_the_gateway_would_refuse(labels, said):
    for call in (lambda: check_labels(labels), lambda: create(None, "m", "x", labels=labels)):
        with pytest.raises(InvalidArgumentError, match=said):
            call()
    with pytest.raises(InvalidArgumentError, match=said):
        update(labels=labels)


def test_labels_that_it_takes():
    check_labels({**LABELS, "a": "A-1_b.c", "b": "", "c": "x" * 63, "d": "0"})


def test_hardware_goes_together():
    """Failure 2 of upstream's client: a default of nodes_per_worker made it impossible to leave hardware to the gateway."""
    check_hardware({})
    check_hardware(HARDWARE)
    for name, value in HARDWARE.items():
        with pytest.raises(InvalidArgumentError, match="go together"):
            create(None, "m", "x", labels=LABELS, **{name: value})
        with pytest.raises(InvalidArgumentError, match=f": {name} missing"):
            create(None, "m", "x", labels=LABELS, **{**HARDWARE, name: None})


@pytest.mark.parametrize(
    ("framework", "option"),
    [("vllm", "tp_size"), ("sglang", "max_model_len"), ("tensorrt_llm", "dtype"), ("deepspeed", "trust_remote_code")],
)
def test_options_of_another_framework_would_be_ignored_without_a_word(framework, option):
    with pytest.raises(InvalidArgumentError, match=f"{framework} does not take it"):
        create(None, "m", "x", labels=LABELS, inference_framework=framework, **{option: 1})


def test_options_of_the_framework_itself():
    check_framework("vllm", {"max_model_len": 1, "dtype": "auto", "num_shards": 1})
    check_framework("sglang", {"tp_size": 1, "dtype": "auto"})
    check_framework("from-the-future", {"tp_size": 1, "max_model_len": 1})


def test_a_misspelt_option_is_an_error():
    """Failure 24 of upstream's client: it went nowhere, silently."""
    with pytest.raises(TypeError, match="did you mean 'max_model_len'"):
        create(None, "m", "x", labels=LABELS, max_model_length=1)


def test_help_shows_every_option():
    for client in (Client, AsyncClient):
        shown = inspect.signature(client("http://localhost").models.create).parameters
        assert set(CreateModelOptions.__annotations__) <= set(shown)


def test_the_wire_types_hold_the_gateways_bounds():
    adapter = TypeAdapter(CreateModelRequest)
    body = create(None, "m", "x", labels=LABELS).request.json
    assert adapter.validate_python(body) == body
    for wrong in (
        {"task_expires_seconds": 0},
        {"queue_message_timeout_seconds": 43201},
        {"chat_template_override": "x" * 10001},
        {"default_callback_auth": {"kind": "basic", "username": "u"}},
        {"labels": None},
    ):
        with pytest.raises(ValidationError):
            adapter.validate_python({**body, **wrong})
    with pytest.raises(ValidationError):
        adapter.validate_python({"name": "m"})
    assert TypeAdapter(UpdateModelRequest).validate_python({"checkpoint_path": None}) == {"checkpoint_path": None}


# Changing.


@pytest.mark.parametrize("public", [True, False])
def test_an_update_says_again_whether_the_endpoint_is_public(public):
    """Failure 3 of upstream's client, and the gateway's trap: what leaves it out makes a private endpoint public."""
    asked = update(model(public=public), TASK, max_workers=2)
    assert asked == [Models.get.build(None, "m"), put(max_workers=2, public_inference=public)]


def test_an_update_that_says_it_reads_nothing_first():
    assert update(TASK, max_workers=2, public_inference=False) == [put(max_workers=2, public_inference=False)]
    assert update(TASK, public_inference=True) == [put(public_inference=True)]


def test_only_what_is_given_is_sent_and_null_only_to_clear():
    """Failure 3 of upstream's client: sixty nulls, which the gateway read as "clear the checkpoint"."""
    asked = update(model(), TASK, checkpoint_path=None, quantize=CLEAR, max_workers=None, labels=LABELS)
    assert asked[1] == put(quantize=None, labels=LABELS, public_inference=True)
    assert asked[1].request.content.count(b"null") == 1
    everything = update(model(), TASK, checkpoint_path=CLEAR, quantize=CLEAR, chat_template_override=CLEAR)[1]
    assert json.loads(everything.request.content) == {
        "checkpoint_path": None,
        "quantize": None,
        "chat_template_override": None,
        "public_inference": True,
    }
    assert update(model(), TASK, checkpoint_path="s3://x")[1] == put(checkpoint_path="s3://x", public_inference=True)


@pytest.mark.parametrize(
    ("framework", "tag"),
    [
        ("vllm", {}),
        ("lightllm", {}),
        ("tensorrt_llm", {}),
        ("sglang", {"inference_framework": "sglang"}),
        ("deepspeed", {"inference_framework": "deepspeed"}),
        ("text_generation_inference", {"inference_framework": "text_generation_inference"}),
    ],
)
def test_an_update_names_the_framework_where_the_gateway_would_take_it_for_vllm(framework, tag):
    assert update(model(framework=framework), TASK, max_workers=2)[1] == put(
        max_workers=2, public_inference=True, **tag
    )
    given = {"inference_framework": framework, "public_inference": True}
    assert update(TASK, max_workers=2, **given) == [put(max_workers=2, public_inference=True, **tag)]


def test_an_update_of_another_frameworks_option():
    assert update(model(framework="sglang"), TASK, tp_size=2)[1].request.json["tp_size"] == 2
    with pytest.raises(InvalidArgumentError, match="vllm does not take it"):
        update(model(), tp_size=2)


@pytest.mark.parametrize("hidden", [Model(name="m", inference_framework="vllm"), model(public=None)])
def test_an_update_does_not_guess(hidden):
    with pytest.raises(InvalidArgumentError, match="give public_inference"):
        update(hidden, max_workers=2)


def test_an_update_of_nothing():
    with pytest.raises(InvalidArgumentError, match="nothing to change"):
        update()
    with pytest.raises(InvalidArgumentError, match="nothing to change"):
        update(quantize=None, max_workers=None)


def test_clear_is_at_hand():
    assert Client("http://localhost").models.CLEAR is CLEAR is AsyncClient("http://localhost").models.CLEAR


async def test_an_update_over_the_wire(api, server):
    """As in recordings 117 to 121, but with what they leave out."""
    spec = {"id": "e", "name": "m", "endpoint_type": "streaming", "public_inference": False}
    current = reply(200, {"name": "m", "status": "READY", "inference_framework": "vllm", "spec": spec})
    server.then(current).then(TASK_REPLY)
    assert await api.call("models.update", "m", max_workers=2) == TASK
    assert (server.received[1].method, server.received[1].target) == ("PUT", "/v1/llm/model-endpoints/m")
    assert server.received[1].json == {"max_workers": 2, "public_inference": False}
    server.then(reply(404, {"detail": "Model Endpoint nope  was not found."}))
    with pytest.raises(NotFoundError):
        await api.call("models.update", "nope", max_workers=2)
    server.then(current).then(reply(404, {"detail": "The specified LLM endpoint could not be found."}))
    with pytest.raises(NotFoundError, match="LLM endpoint"):
        await api.call("models.update", "theirs", max_workers=2)
    refusal = "_llm is a reserved metadata key and cannot be used by user."
    server.then(current).then(reply(400, {"detail": refusal}))
    with pytest.raises(BadRequestError, match="reserved"):
        await api.call("models.update", "m", metadata={"_llm": {}})
    server.then(current).then(RESET)
    with pytest.raises(APIConnectionError):
        await api.call("models.update", "m", max_workers=2)
    assert len(server.received) == 9


# Deleting.


async def test_deleting(api, server):
    server.then(reply(200, {"deleted": True}))
    assert await api.call("models.delete", "m") == ModelDeletion(deleted=True)
    for answer in (reply(404, {"detail": "gone"}), reply(200, {"deleted": False})):
        server.then(answer).then(answer)
        with pytest.raises(NotFoundError):
            await api.call("models.delete", "m")
        assert await api.call("models.delete", "m", missing_ok=True) == ModelDeletion(deleted=False)
    server.then(reply(403, {"detail": "You don't have permission to delete the requested model endpoint."}))
    with pytest.raises(PermissionDeniedError):
        await api.call("models.delete", "m", missing_ok=True)
    assert {request.method for request in server.received} == {"DELETE"}


# Names.


@pytest.mark.parametrize("method", ["get", "update", "delete", "wait_until_ready"])
@pytest.mark.parametrize("name", ["", "org/model", "..", "../fine-tunes"])
async def test_names_that_would_reach_another_route_are_refused(api, server, method, name):
    """Failure 6 of upstream's client: `Model.get("../fine-tunes")` asked another route, `Model.get("")` the list."""
    more = {"max_workers": 1} if method == "update" else {}
    with pytest.raises(InvalidArgumentError):
        await api.call(f"models.{method}", name, **more)
    assert not server.received


# Listing.


async def test_one_odd_endpoint_does_not_hide_the_others(api, server):
    """Failures 4 and 5 of upstream's client: one sglang, sync or async endpoint broke the list; the image's tag was always None."""
    spec = {"id": "e", "name": "a", "endpoint_type": "from-the-future", "public_inference": None}
    odd = {
        "name": "a",
        "status": "LEVITATING",
        "source": "moon",
        "inference_framework": "sglang-9",
        "inference_framework_image_tag": "1.2",
        "quantize": "fp1",
        "spec": spec | {"new": 1},
    }
    hosted = {
        "id": None,
        "name": "b",
        "model_name": None,
        "source": "hugging_face",
        "inference_framework": "vllm",
        "spec": None,
    }
    server.then(reply(200, {"model_endpoints": [odd, hosted], "more": 1}))
    first, second = await api.call("models.list")
    assert (first.status, first.inference_framework_image_tag, first.spec.model_extra) == (
        "LEVITATING",
        "1.2",
        {"new": 1},
    )
    assert (second.status, second.ready, second.done) == ("UNKNOWN", False, False)


def test_a_callbacks_password_does_not_show():
    shown = EndpointSpec(id="e", name="m", endpoint_type="async", default_callback_auth={"password": "secret"})
    assert "secret" not in repr(shown)


# URLs.


def test_download_urls():
    path = "/v1/llm/model-endpoints/download"
    assert Models.download_urls.build(None, "org/m") == Operation(
        Request(method="POST", path=path, json={"model_name": "org/m"}), ModelDownload
    )
    asked = Models.download_urls.build(None, "m", download_format="x").request.json
    assert asked == {"model_name": "m", "download_format": "x"}


async def test_asking_for_urls_may_be_repeated(api, server, naps):
    server.then(RESET).then(reply(200, {"urls": {}}))
    assert (await api.call("models.download_urls", "m")).urls == {}


# Waiting.


def wait(*answers, **given):
    player = Player(*answers)
    return player, lambda: player.run(Models.wait_until_ready.build(None, "m", **given))


def test_waiting():
    statuses = []
    pending, building, ready = model("UPDATE_PENDING"), model("UPDATE_IN_PROGRESS"), model()
    player, run = wait(
        pending, pending, building, ready, poll_interval=1, on_status=lambda found: statuses.append(found.status)
    )
    assert run() is ready
    assert statuses == ["UPDATE_PENDING", "UPDATE_IN_PROGRESS", "READY"]
    assert player.slept == [1, 1.5, 2.25]


def test_one_that_is_ready_is_not_waited_for():
    player, run = wait(model())
    assert run().ready
    assert not player.slept


def test_a_new_endpoint_may_not_show_yet():
    player, run = wait(GONE, GONE, model("UPDATE_PENDING"), model())
    assert run().ready
    assert len(player.slept) == 3


def test_but_not_for_ever():
    player, run = wait(*[GONE] * 4, missing_for=5, poll_interval=2, max_poll_interval=2)
    with pytest.raises(NotFoundError):
        run()
    assert sum(player.slept) == 6


def test_one_that_goes_away_has_failed():
    _, run = wait(model("UPDATE_PENDING"), GONE)
    with pytest.raises(JobFailedError, match="gone"):
        run()


def test_one_that_fails():
    failed = model("UPDATE_FAILED")
    failed.spec.status_reason = "image not found"
    _, run = wait(model("UPDATE_PENDING"), failed)
    with pytest.raises(JobFailedError, match="Endpoint m ended with status UPDATE_FAILED: image not found") as caught:
        run()
    assert caught.value.job is failed
    _, run = wait(model("DELETE_IN_PROGRESS"))
    with pytest.raises(JobFailedError, match=r"DELETE_IN_PROGRESS\.$"):
        run()


def test_time_is_up():
    player, run = wait(*[model("UPDATE_PENDING")] * 4, timeout=5, poll_interval=2, max_poll_interval=2)
    with pytest.raises(JobTimeoutError) as caught:
        run()
    assert sum(player.slept) == 5
    assert caught.value.job.status == "UPDATE_PENDING"
    _, run = wait(*[GONE] * 4, timeout=5, poll_interval=2, max_poll_interval=2)
    with pytest.raises(JobTimeoutError):
        run()


async def test_waiting_over_the_wire(api, server, naps):
    server.then(reply(404, {"detail": "not yet"}))
    for status in ("UPDATE_PENDING", "READY"):
        server.then(reply(200, {"name": "m", "status": status, "inference_framework": "vllm"}))
    assert (await api.call("models.wait_until_ready", "m")).ready
    assert server.targets == ["/v1/llm/model-endpoints/m"] * 3
    assert len(naps) == 2
