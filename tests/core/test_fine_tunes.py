"""What `client.fine_tunes` sends, and how it watches a job."""

from __future__ import annotations

import inspect
import json
import math

import pytest

from core._player import Player
from core._server import RESET, reply
from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.core._operation import Operation, Request
from llmengine_integrations.core.errors import (
    APIConnectionError,
    InvalidArgumentError,
    NotFoundError,
    ServerError,
)
from llmengine_integrations.core.resources.fine_tunes import FineTunes
from llmengine_integrations.wire.fine_tunes import (
    FineTune,
    FineTuneCancelled,
    FineTuneCreated,
    FineTuneEvent,
    FineTuneList,
)

create = FineTunes.create.build


def request(**body):
    return Request(method="POST", path="/v1/llm/fine-tunes", json=body, repeatable=False)


def job(status: str) -> FineTune:
    return FineTune(id="ft-1", fine_tuned_model="m.261121", status=status)


RUNNING = job("RUNNING")


def test_hyperparameters_are_always_an_object():
    """Failure 1 of upstream's client: null, which the gateway refuses."""
    body = {"model": "m", "training_file": "file-1", "hyperparameters": {}}
    assert create(None, "m", "file-1") == Operation(request(**body), FineTuneCreated)
    assert (
        create(None, "m", "file-1", hyperparameters=None).request.content
        == json.dumps(body, separators=(",", ":")).encode()
    )


def test_everything_is_sent_as_it_is():
    given = {
        "validation_file": "file-2",
        "hyperparameters": {"lr": 2e-4, "report_to": "wandb", "peft_config": {"r": 8}},
        "suffix": "my-exp",
        "wandb_config": {"api_key": "k"},
    }
    assert create(None, "m", "file-1", **given).request == request(model="m", training_file="file-1", **given)


async def test_a_create_is_sent_once(api, server):
    """Failure 23 of upstream's client leaves open what a retry may do; here a job never starts twice."""
    server.then(RESET)
    with pytest.raises(APIConnectionError):
        await api.call("fine_tunes.create", "m", "file-1")
    server.then(reply(503, {"detail": "later"}))
    with pytest.raises(ServerError):
        await api.call("fine_tunes.create", "m", "file-1")
    assert len(server.received) == 2


def test_a_timeout_of_its_own():
    """Failure 15 of upstream's client: management calls had ten seconds, whatever the caller wanted."""
    assert create(None, "m", "file-1", timeout=3).request.timeout == 3


@pytest.mark.parametrize("suffix", ["a", "A-1", "x" * 28])
def test_a_suffix_that_the_gateway_takes(suffix):
    assert create(None, "m", "file-1", suffix=suffix).request.json["suffix"] == suffix


@pytest.mark.parametrize("suffix", ["", "x" * 29, "a b", "a_b", "a.b", "ä", "a\n", "٣"])
def test_a_suffix_that_the_gateway_would_refuse(suffix):
    with pytest.raises(InvalidArgumentError, match="1 to 28 letters"):
        create(None, "m", "file-1", suffix=suffix)


@pytest.mark.parametrize(("names", "said"), [(("", "file-1"), "model"), (("m", ""), "training file")])
def test_empty_names_are_refused(names, said):
    with pytest.raises(InvalidArgumentError, match=said):
        create(None, *names)


@pytest.mark.parametrize("method", ["get", "cancel", "events", "wait", "follow"])
@pytest.mark.parametrize("name", ["", "a/b", "..", "../files"])
async def test_ids_that_would_reach_another_route_are_refused(api, server, method, name):
    """Failure 6 of upstream's client: names went into the path as they were."""
    with pytest.raises(InvalidArgumentError):
        await api.call(f"fine_tunes.{method}", name)
    assert not server.received


async def test_ids_are_encoded(api, server):
    server.then(reply(200, {"id": "a?b", "status": "RUNNING"}))
    await api.call("fine_tunes.get", "a?b#c d")
    assert server.targets == ["/v1/llm/fine-tunes/a%3Fb%23c%20d"]


def test_the_list_keeps_batch_jobs_apart():
    tune, batch = RUNNING, FineTune(id="job-1", status="PENDING")
    listed = FineTuneList(jobs=[batch, tune])
    assert (list(listed), len(listed), listed[0]) == ([tune], 1, tune)
    assert listed.batch_jobs == [batch]
    assert listed.jobs == [batch, tune]


@pytest.mark.parametrize(
    ("status", "done", "succeeded"),
    [
        ("PENDING", False, False),
        ("RUNNING", False, False),
        ("UNDEFINED", False, False),
        ("STARTED", False, False),  # unknown today
        ("SUCCESS", True, True),
        ("FAILURE", True, False),
        ("CANCELLED", True, False),
        ("TIMEOUT", True, False),
    ],
)
def test_statuses(status, done, succeeded):
    assert (job(status).done, job(status).succeeded) == (done, succeeded)


async def test_a_newer_server_breaks_nothing(api, server):
    server.then(reply(200, {"id": "ft-1", "status": "PAUSED", "progress": 0.5}))
    found = await api.call("fine_tunes.get", "ft-1")
    assert (found.status, found.done, found.model_extra) == ("PAUSED", False, {"progress": 0.5})


def metrics(message: str):
    return FineTuneEvent(message=message).metrics


def test_metrics_are_numbers():
    found = metrics("{'loss': 2.108, 'learning_rate': 0.002, 'epoch': 0.7, 'step': 3, 'gain': -1e-3}")
    assert found == {"loss": 2.108, "learning_rate": 0.002, "epoch": 0.7, "step": 3.0, "gain": -0.001}
    assert all(type(number) is float for number in found.values())


def test_metrics_of_other_writers():
    assert metrics(' {"loss": "1.25", "note": "hi", "ok": true}\n') == {"loss": 1.25}
    assert metrics("{'loss': '1.25', 'done': True, 'parts': [1], 'more': {'x': 1}, 3: 4}") == {"loss": 1.25}


def test_metrics_of_a_training_that_diverges():
    found = metrics("{'loss': nan, 'grad_norm': inf, 'low': -inf, 'json': NaN}")
    assert math.isnan(found["loss"])
    assert math.isnan(found["json"])
    assert (found["grad_norm"], found["low"]) == (math.inf, -math.inf)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "Starting",
        "{",
        "{}",
        "{'loss'}",
        "{'loss': __import__('os').getcwd()}",
        "{'loss': 2 ** 99999}",
        "{'loss': 1" + "0" * 5000 + "}",
        "{**{'loss': 1}}",
        "{'loss': 1" + "0" * 400 + "}",
        "{'loss': " + "(" * 1000 + "1" + ")" * 1000 + "}",
        "{'loss': " + "-" * 9000 + "1}",
        "{" + "'loss': 1, " * 1000 + "}",
        "{'loss': \0}",
        "{'loss': 1}; 1",
    ],
    ids=range(15),
)
def test_what_is_no_metrics(message):
    assert metrics(message) is None


def cancel(answer, **options):
    player = Player(answer)
    return player, player.run(FineTunes.cancel.build(None, "ft-1", **options))


def test_cancelling():
    player, cancelled = cancel(FineTuneCancelled(success=True))
    assert cancelled.success
    expected = Request(method="PUT", path="/v1/llm/fine-tunes/ft-1/cancel")
    assert player.asked == [Operation(expected, FineTuneCancelled)]


def test_cancelling_what_is_not_there():
    missing = FineTuneCancelled(success=False)
    with pytest.raises(NotFoundError, match="'ft-1'"):
        cancel(missing)
    assert cancel(missing, missing_ok=True)[1] == missing


@pytest.mark.parametrize("method", ["create", "get", "list", "cancel", "events", "wait", "follow"])
def test_both_clients_have_everything(method):
    """Failure 19 of upstream's client: no async but for completions."""
    signatures = [
        inspect.signature(getattr(client("http://127.0.0.1:1").fine_tunes, method)) for client in (Client, AsyncClient)
    ]
    assert signatures[0] == signatures[1]


async def test_a_misspelt_argument_is_an_error(api, server):
    """Failure 24 of upstream's client: it was dropped without a word."""
    with pytest.raises(TypeError, match="sufix"):
        await api.call("fine_tunes.create", "m", "file-1", sufix="x")
    assert not server.received


def test_two_clients_do_not_share_a_key():
    """Failure 18 of upstream's client: one key and one server for a whole process."""
    first, second = Client("http://127.0.0.1:1", "key-1"), Client("http://127.0.0.1:2", "key-2")
    assert (first.base_url, second.base_url) == ("http://127.0.0.1:1", "http://127.0.0.1:2")
    assert first.fine_tunes._transport.settings.api_key != second.fine_tunes._transport.settings.api_key
