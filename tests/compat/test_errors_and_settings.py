"""Errors, connections and the settings of the process: sections 10, 11, 14, 17, 18 and 22 of what upstream's own client fails at."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings

import pytest

from core._server import CLOSE, COMPLETION, HANG, reply
from llmengine_integrations import compat
from llmengine_integrations import errors as ours
from llmengine_integrations.compat import Completion, Model, api_engine, errors
from llmengine_integrations.core.resources.models import Models
from recordings.tape import exchange


@pytest.mark.parametrize(
    ("recording", "kind", "name"),
    [
        ("030-sync-400-topk-zero", ours.BadRequestError, "BadRequestError"),
        ("001-auth-none", ours.AuthenticationError, "UnauthorizedError"),
        ("022-sync-404-model", ours.NotFoundError, "NotFoundError"),
        ("024-sync-422-temperature", ours.ValidationError, "ValidationError"),
        ("128-models-delete-403-public", ours.PermissionDeniedError, "UnknownError"),
        ("088-chat-410-retired", ours.GoneError, "UnknownError"),
        ("041-sync-500-unhandled", ours.ServerError, "ServerError"),
    ],
)
async def test_10_an_error_has_a_type_and_says_all(call, gateway, recording, kind, name):
    gateway.answers(recording)
    with pytest.raises(kind) as raised:
        await call(Completion.create, "m", "hi")
    recorded = exchange(recording)
    assert isinstance(raised.value, getattr(errors, name))
    assert isinstance(raised.value, ours.LLMEngineError)
    assert (raised.value.status_code, raised.value.body) == (recorded.status, recorded.json)
    assert raised.value.request_id == recorded.json.get("request_id")
    assert "{'" not in raised.value.message


@pytest.mark.usefixtures("naps")
async def test_10_the_gateways_own_limit_is_an_error_of_upstreams_name(call, gateway):
    gateway.always(reply(429, {"error": "Too many requests", "timestamp": "2025-01-01 00:00:00 PST"}))
    with pytest.raises(errors.RateLimitExceededError, match="Too many requests"):
        await call(Completion.create, "m", "hi")
    assert len(gateway.received) == 3


@pytest.mark.parametrize("body", [b"[]", b'"no"', b"<html>no", b'{"detail": {"a": 1}}', b"", b"null"])
async def test_10_an_error_may_have_any_body(call, gateway, body):
    gateway.then(reply(400, body))
    with pytest.raises(errors.BadRequestError):
        await call(Model.get, "m")


@pytest.mark.usefixtures("naps")
@pytest.mark.parametrize(
    ("steps", "kind", "builtin"),
    [
        ([HANG], ours.APITimeoutError, TimeoutError),
        ([CLOSE], ours.APIConnectionError, ConnectionError),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", CLOSE], ours.APIConnectionError, ConnectionError),
        ([reply(200, b"<html>", content_type="text/html")], ours.InvalidResponseError, Exception),
    ],
)
async def test_11_the_networks_errors_are_the_packages(call, gateway, steps, kind, builtin):
    gateway.always(*steps)
    with pytest.raises(kind) as raised:
        await call(Completion.create, "m", "hi", timeout=0.2)
    assert isinstance(raised.value, builtin)
    assert "sk-test" not in f"{raised.value}{raised.value!r}"


async def test_14_calls_share_a_connection(call, gateway):
    gateway.always(COMPLETION)
    for _ in range(3):
        assert (await call(Completion.create, "m", "hi")).output.text == "Hello"
    assert gateway.connections == 1


@pytest.mark.usefixtures("naps")
async def test_14_what_may_pass_is_tried_again(call, gateway):
    gateway.then(reply(503)).then(reply(500, {"detail": "Upstream service error for request_id x"})).then(COMPLETION)
    assert (await call(Completion.create, "m", "hi")).output.text == "Hello"


@pytest.mark.usefixtures("naps")
@pytest.mark.parametrize("streamed", [False, True])
async def test_14_a_completion_that_timed_out_is_not_asked_for_again(call, gateway, streamed):
    gateway.always(HANG)
    with pytest.raises(ours.APITimeoutError):
        await call(Completion.create, "m", "hi", timeout=0.2, stream=streamed)
    assert len(gateway.received) == 1
    gateway.always(CLOSE)
    with pytest.raises(ours.APIConnectionError):
        await call(Completion.create, "m", "hi", timeout=0.2, stream=streamed)
    assert len(gateway.received) == 1 + 3


@pytest.mark.parametrize("path", ["/llm-engine", "/llm-engine/", "/a/b"])
async def test_17_the_base_path_keeps_its_last_segment(call, gateway, path):
    compat.set_base_path(gateway.url + path)
    gateway.then(COMPLETION)
    await call(Completion.create, "m", "hi")
    assert gateway.sent.target.startswith(f"{path.rstrip('/')}/v1/llm/completions-sync?")


async def test_18_settings_are_looked_up_by_each_call(call, gateway, monkeypatch):
    gateway.always(COMPLETION)
    used = []
    for key in ("one", "two"):
        monkeypatch.setenv("SCALE_API_KEY", key)
        await call(Completion.create, "m", "hi")
        used.append(gateway.sent.headers["x-api-key"])
    compat.set_api_key("three")
    await call(Completion.create, "m", "hi")
    used.append(gateway.sent.headers["x-api-key"])
    compat.set_api_key(None)
    await call(Completion.create, "m", "hi")
    used.append(gateway.sent.headers["x-api-key"])
    assert used == ["one", "two", "three", "two"]


def test_18_threads_share_a_client(gateway):
    gateway.always(COMPLETION)
    Completion.create("m", "hi")
    failures = []

    def work(number):
        try:
            for _ in range(5):
                Completion.create("m", str(number), request_headers={"X-Number": str(number)})
        except Exception as error:  # noqa: BLE001 - whatever it is, the test is to see it
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert gateway.connections <= 9
    assert {(sent.json["prompt"], sent.headers["x-number"]) for sent in gateway.received[1:]} == {
        (str(number), str(number)) for number in range(8)
    }


def test_18_one_process_may_run_several_event_loops(gateway):
    gateway.always(COMPLETION)
    for _ in range(3):
        assert asyncio.run(Completion.acreate("m", "hi")).output.text == "Hello"


def test_a_client_that_is_forgotten_serves_its_call_to_the_end(gateway):
    gateway.always(COMPLETION)
    transport = api_engine.blocking({"X-Trace": "1"})
    api_engine._client.cache_clear()
    gc.collect()
    assert Completion.create("m", "hi").output.text == "Hello"
    gateway.then(reply(200, {"model_endpoints": []}))
    assert transport.run(Models.list.build(None)).model_endpoints == []


@pytest.mark.parametrize("set_by", ["call", "environment"])
def test_the_settings_can_be_read(set_by, monkeypatch):
    if set_by == "call":
        compat.set_base_path("https://gateway.test/llm-engine/")
        compat.set_api_key("key")
    else:
        monkeypatch.setenv("LLM_ENGINE_BASE_PATH", "https://gateway.test/llm-engine/")
        monkeypatch.setenv("SCALE_API_KEY", "key")
    assert compat.get_base_path() == "https://gateway.test/llm-engine"
    assert compat.get_api_key() == "key"


async def test_22_a_missing_key_is_told(call):
    compat.set_base_path("https://gateway.test")
    assert compat.get_base_path() == "https://gateway.test"
    with pytest.raises(ours.ConfigurationError, match="SCALE_API_KEY"):
        await call(Completion.create, "m", "hi")
    with pytest.raises(ours.ConfigurationError, match="SCALE_API_KEY"):
        compat.get_api_key()


async def test_headers_that_cannot_be_sent_are_refused(call, gateway):
    with pytest.raises(ours.ConfigurationError, match="X-Trace"):
        await call(Completion.create, "m", "hi", request_headers={"X-Trace": "a\r\nb: c"})
    assert gateway.received == []


async def test_unknown_ids_are_told_as_upstream_does(call, gateway):
    gateway.answers("162-ft-cancel-unknown", "140-files-delete-unknown")
    assert (await call(compat.FineTune.cancel, "ft-1")).success is False
    assert (await call(compat.File.delete, "file-1")).deleted is False


def test_printing_a_reply_warns_of_nothing():
    made = compat.CompletionSyncResponse(request_id="r", output={"text": "é", "num_completion_tokens": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert made.json(exclude_none=True) == (
            '{"request_id": "r", "output": {"text": "é", "num_completion_tokens": 1}}'
        )
        assert made.json(exclude={"output"}, indent=1) == '{\n "request_id": "r"\n}'
        assert made.dict(exclude_none=True) == {"request_id": "r", "output": {"text": "é", "num_completion_tokens": 1}}
        assert made.output.json(include={"text"}, ensure_ascii=True) == '{"text": "\\u00e9"}'
