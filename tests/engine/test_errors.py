"""Every refusal, word for word as the gateway words it."""

from __future__ import annotations

import base64
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from pydantic import SecretStr

from llmengine_integrations.engine.config import EngineConfig
from llmengine_integrations.engine.http import app

from .conftest import PROMPT
from .fakes import FakeBatch, eventually, fake_lane, running

SYNC = "/v1/llm/completions-sync"
STREAM = "/v1/llm/completions-stream"
MODELS = "/v1/llm/model-endpoints"
GOOD = {"prompt": PROMPT, "max_new_tokens": 6, "temperature": 0.2}
NAME = {"model_endpoint_name": "llmengine-tiny"}


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.fixture(scope="module")
def client():
    """A server with two names, a key and no model behind."""
    config = EngineConfig(port=0, aliases={"org/llama-3 8b": "llmengine-tiny"}, api_key=SecretStr("kéy"))
    with (
        running(config, lambda: {"llmengine-tiny": fake_lane(FakeBatch())}) as (url, _),
        httpx.Client(base_url=url, headers={"Authorization": basic("kéy:")}) as client,
    ):
        yield client


def url_of(client: httpx.Client) -> str:
    return str(client.base_url).rstrip("/")


def missing(field: str, given: object) -> dict[str, object]:
    return {"type": "missing", "loc": ["body", field], "msg": "Field required", "input": given}


MISSING_BODY = [{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}]
MISSING_QUERY = {"type": "missing", "loc": ["query", "model_endpoint_name"], "msg": "Field required", "input": None}


@pytest.mark.parametrize("route", [SYNC, STREAM])
@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (
            GOOD | {"temperature": 1.5},
            [
                {
                    "type": "less_than_equal",
                    "loc": ["body", "temperature"],
                    "msg": "Input should be less than or equal to 1",
                    "input": 1.5,
                    "ctx": {"le": 1.0},
                }
            ],
        ),
        (
            {"prompt": "x"},
            [missing("max_new_tokens", {"prompt": "x"}), missing("temperature", {"prompt": "x"})],
        ),
        (
            GOOD | {"max_new_tokens": "many"},
            [
                {
                    "type": "int_parsing",
                    "loc": ["body", "max_new_tokens"],
                    "msg": "Input should be a valid integer, unable to parse string as an integer",
                    "input": "many",
                }
            ],
        ),
        (
            GOOD | {"top_p": 0},
            [
                {
                    "type": "greater_than",
                    "loc": ["body", "top_p"],
                    "msg": "Input should be greater than 0",
                    "input": 0,
                    "ctx": {"gt": 0.0},
                }
            ],
        ),
        (
            GOOD | {"top_k": -2},
            [
                {
                    "type": "greater_than_equal",
                    "loc": ["body", "top_k"],
                    "msg": "Input should be greater than or equal to -1",
                    "input": -2,
                    "ctx": {"ge": -1},
                }
            ],
        ),
        (None, MISSING_BODY),
    ],
)
def test_fields_out_of_bounds(client, route, body, detail):
    reply = client.post(route, params=NAME, json=body)
    assert (reply.status_code, reply.json()) == (422, {"detail": detail})


def test_query_and_body_are_reported_together_in_order(client):
    reply = client.post(SYNC, json={"top_k": -2, "max_new_tokens": 1, "temperature": 3})
    assert [item["loc"] for item in reply.json()["detail"]] == [
        ["query", "model_endpoint_name"],
        ["body", "prompt"],
        ["body", "temperature"],
        ["body", "top_k"],
    ]


def test_the_model_name_is_required(client):
    reply = client.post(SYNC, json=GOOD)
    assert (reply.status_code, reply.json()) == (422, {"detail": [MISSING_QUERY]})


@pytest.mark.parametrize(
    ("content", "status", "detail"),
    [
        (
            b"{not json",
            422,
            [
                {
                    "type": "json_invalid",
                    "loc": ["body", 1],
                    "msg": "JSON decode error",
                    "input": {},
                    "ctx": {"error": "Expecting property name enclosed in double quotes"},
                }
            ],
        ),
        (b"", 422, MISSING_BODY),
        (b'{"prompt": "\xff"}', 400, "There was an error parsing the body"),
        (b"[" * 100_000, 400, "There was an error parsing the body"),
    ],
)
def test_bodies_that_are_no_json(client, content, status, detail):
    reply = client.post(SYNC, params=NAME, content=content, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()) == (status, {"detail": detail})


@pytest.mark.parametrize(
    ("content", "content_type", "given"),
    [(b"[1]", "application/json", [1]), (b'{"prompt": "x"}', "text/plain", '{"prompt": "x"}')],
)
def test_bodies_that_are_no_object(client, content, content_type, given):
    reply = client.post(SYNC, params=NAME, content=content, headers={"Content-Type": content_type})
    (item,) = reply.json()["detail"]
    assert (reply.status_code, item["type"], item["loc"], item["input"]) == (
        422,
        "model_attributes_type",
        ["body"],
        given,
    )


@pytest.mark.parametrize("value", ["NaN", "1e999", '"\\ud800"'])
def test_an_echoed_input_that_json_or_utf8_cannot_hold(client, value):
    content = f'{{"prompt": "x", "max_new_tokens": 1, "temperature": {value}}}'
    reply = client.post(SYNC, params=NAME, content=content, headers={"Content-Type": "application/json"})
    assert reply.status_code == 422
    assert reply.json()["detail"][0]["loc"] == ["body", "temperature"]


def test_half_a_surrogate_pair_is_no_prompt(client):
    content = b'{"prompt": "\\ud800", "max_new_tokens": 1, "temperature": 0}'
    reply = client.post(SYNC, params=NAME, content=content)
    assert (reply.status_code, reply.json()["detail"]) == (
        400,
        "prompt contains an unpaired surrogate, which is not valid text.",
    )


TOP = "top_k and top_p can't be enabled when temperature is 0."
TWO_GUIDED = "Only one of guided_json, guided_choice, guided_regex, guided_grammar can be enabled."


@pytest.mark.parametrize("route", [SYNC, STREAM])
@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"top_k": 0}, "top_k needs to be strictly positive, or set it to be -1 / None to disable top_k."),
        ({"top_k": 5, "temperature": 0}, TOP),
        ({"top_p": 0.5, "temperature": 0}, TOP),
        ({"top_k": 0, "temperature": 0}, TOP),
        ({"guided_choice": ["a"], "guided_regex": "a"}, TWO_GUIDED),
        ({"guided_choice": []}, "guided_choice: There must be at least one choice."),
        ({"stop_sequences": ["a", ""]}, "stop_sequences can't contain an empty string."),
    ],
)
def test_fields_that_do_not_go_together(client, route, fields, detail):
    reply = client.post(route, params=NAME, json=GOOD | fields)
    assert (reply.status_code, reply.json()) == (400, {"detail": detail})


def test_models_that_are_not_there(client):
    unknown = {"model_endpoint_name": "no-such-model"}
    assert client.post(SYNC, params=unknown, json=GOOD).json() == {
        "detail": "The specified endpoint could not be found."
    }
    streamed = client.post(STREAM, params=unknown, json=GOOD)
    assert (streamed.status_code, streamed.json()) == (404, {"detail": "Model endpoint no-such-model not found."})
    described = client.get(f"{MODELS}/nope")
    assert (described.status_code, described.json()) == (404, {"detail": "Model Endpoint nope  was not found."})


def test_an_empty_model_name_means_any(client):
    reply = client.post(SYNC, params={"model_endpoint_name": ""}, json=GOOD)
    assert (reply.status_code, reply.json()) == (
        400,
        {"detail": "Expected 1 LLM model endpoint for model name , got 2"},
    )


def test_a_name_with_slash_and_space_works_in_the_query_and_not_in_a_path(client):
    assert client.post(f"{SYNC}?model_endpoint_name=org%2Fllama-3%208b", json=GOOD).status_code == 200
    reply = client.get(f"{MODELS}/org%2Fllama-3%208b")
    assert (reply.status_code, reply.json()) == (404, {"detail": "Not Found"})


def test_routing(client):
    wrong_method = client.get(SYNC, params=NAME)
    assert (wrong_method.status_code, wrong_method.json()) == (405, {"detail": "Method Not Allowed"})
    assert wrong_method.headers["allow"] == "POST"
    no_route = client.get("/v1/llm/nope")
    assert (no_route.status_code, no_route.json()) == (404, {"detail": "Not Found"})
    slash = client.get(f"{MODELS}/")
    assert (slash.status_code, slash.content) == (307, b"")
    assert slash.headers["location"] == url_of(client) + MODELS


def test_orders_that_do_not_exist(client):
    reply = client.get(MODELS, params={"order_by": "bogus"})
    expected = "'newest', 'oldest' or 'alphabetical'"
    item = {
        "type": "enum",
        "loc": ["query", "order_by"],
        "msg": f"Input should be {expected}",
        "input": "bogus",
        "ctx": {"expected": expected},
    }
    assert (reply.status_code, reply.json()) == (422, {"detail": [item]})


NONE_PASSED, REJECTED = "No authentication was passed in", "Could not authenticate user"


@pytest.mark.parametrize(
    ("header", "challenge", "detail"),
    [
        (None, "Bearer", NONE_PASSED),
        ("Digest x", "Bearer", NONE_PASSED),
        ("Bearer", "Bearer", NONE_PASSED),
        ("Bearer bad-key", "Bearer", REJECTED),
        (basic("bad-key:"), "Basic", REJECTED),
        (basic(":kéy"), "Basic", REJECTED),
        ("Basic !!!notbase64", "Basic", "Not authenticated"),
        ("Basic " + base64.b64encode(b"no colon").decode(), "Basic", "Not authenticated"),
        ("Basic", "Basic", "Not authenticated"),
    ],
)
def test_keys_that_are_refused(client, header, challenge, detail):
    headers = {"Authorization": header} if header else {}
    bare = httpx.get(url_of(client) + MODELS, headers=headers)
    assert (bare.status_code, bare.json()) == (401, {"detail": detail})
    assert bare.headers["www-authenticate"] == challenge
    posted = httpx.post(url_of(client) + SYNC, headers=headers, json={"temperature": 9})
    assert (posted.status_code, posted.json()) == (401, {"detail": detail})


@pytest.mark.parametrize("header", [basic("kéy:ignored password"), "bearer kéy", "basic " + basic("kéy:")[6:]])
def test_keys_that_are_let_in(client, header):
    reply = httpx.get(url_of(client) + MODELS, headers={b"Authorization": header.encode()})
    assert reply.status_code == 200


def test_x_api_key_is_not_read(client):
    reply = httpx.get(url_of(client) + MODELS, headers={b"x-api-key": "kéy".encode()})
    assert (reply.status_code, reply.json()) == (401, {"detail": NONE_PASSED})


def test_bad_json_is_told_before_a_bad_key(client):
    reply = httpx.post(url_of(client) + SYNC, content=b"{", headers={"Content-Type": "application/json"})
    assert reply.status_code == 422


def test_without_a_configured_key_any_is_let_in_and_none_is_not():
    with running(EngineConfig(port=0), lambda: {"llmengine-tiny": fake_lane(FakeBatch())}) as (url, _):
        assert httpx.get(url + MODELS, auth=("whoever", "")).status_code == 200
        assert httpx.get(url + MODELS, auth=("", "")).json() == {"detail": REJECTED}
        assert httpx.get(url + MODELS).json() == {"detail": NONE_PASSED}


@pytest.mark.parametrize("path", ["/healthcheck", "/healthz", "/readyz"])
def test_health_needs_no_key(client, path):
    reply = httpx.get(url_of(client) + path)
    assert (reply.status_code, reply.content, reply.headers["content-length"]) == (200, b"", "0")


def test_an_exception_that_nobody_expected(monkeypatch):
    monkeypatch.setattr(app.Registry, "describe", lambda *_, **__: 1 / 0)
    with running(EngineConfig(port=0), lambda: {"llmengine-tiny": fake_lane(FakeBatch())}) as (url, _):
        reply = httpx.get(f"{url}{MODELS}", auth=("k", ""))
    body = reply.json()
    assert reply.status_code == 500
    assert body.keys() == {"error", "timestamp", "request_id"}
    assert body["error"] == "Internal error occurred. Our team has been notified."
    assert re.fullmatch(r"[0-9a-f-]{36}", body["request_id"])


def assert_too_many(reply: httpx.Response) -> None:
    assert reply.status_code == 429
    assert reply.json().keys() == {"error", "timestamp"}
    assert reply.json()["error"] == "Too many requests"


def test_more_requests_at_a_time_than_are_taken():
    batch = FakeBatch(text="x" * 10_000, delay=0.01)
    lane = fake_lane(batch, context_length=10**6)
    with (
        running(EngineConfig(port=0, max_concurrency=2), lambda: {"llmengine-tiny": lane}) as (url, _),
        httpx.Client(base_url=url, auth=("k", ""), timeout=30) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        long = [pool.submit(client.post, SYNC, params=NAME, json=GOOD | {"max_new_tokens": 60}) for _ in range(2)]
        assert eventually(lambda: len(batch.rows) == 2)
        assert_too_many(client.get(MODELS))
        assert_too_many(client.post(SYNC, params=NAME, json=GOOD))
        assert client.get("/readyz").status_code == 200
        assert [reply.result().status_code for reply in long] == [200, 200]
        assert client.get(MODELS).status_code == 200


def test_a_stream_counts_only_until_its_headers_are_out():
    batch = FakeBatch(text="x" * 10_000, delay=0.01)
    lane = fake_lane(batch, context_length=10**6)
    with (
        running(EngineConfig(port=0, max_concurrency=1), lambda: {"llmengine-tiny": lane}) as (url, _),
        httpx.Client(base_url=url, auth=("k", ""), timeout=30) as client,
        client.stream("POST", STREAM, params=NAME, json=GOOD | {"max_new_tokens": 10_000}) as reply,
    ):
        assert reply.status_code == 200
        assert client.get(MODELS).status_code == 200


def test_more_waiting_than_may_wait():
    batch = FakeBatch(text="x" * 10_000, delay=0.01)
    lane = fake_lane(batch, context_length=10**6, max_batch_size=1)
    config = EngineConfig(port=0, max_waiting=1)
    with (
        running(config, lambda: {"llmengine-tiny": lane}) as (url, _),
        httpx.Client(base_url=url, auth=("k", ""), timeout=30) as client,
        client.stream("POST", STREAM, params=NAME, json=GOOD | {"max_new_tokens": 10_000}) as running_stream,
    ):
        chunks = running_stream.iter_bytes()
        next(chunks)
        with client.stream("POST", STREAM, params=NAME, json=GOOD):
            assert eventually(lambda: lane.num_waiting == 1)
            assert_too_many(client.post(STREAM, params=NAME, json=GOOD))


def test_a_client_that_comes_before_the_model_is_loaded_waits():
    loaded = threading.Event()

    def load() -> object:
        loaded.wait(20)
        return {"llmengine-tiny": fake_lane(FakeBatch(text="hello"))}

    with (
        running(EngineConfig(port=0, ping_interval=0.05), load) as (url, _),
        httpx.Client(base_url=url, auth=("k", ""), timeout=30) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        try:
            assert client.get("/readyz").status_code == 503
            assert client.get("/healthz").status_code == 200
            assert client.get(MODELS).json()["model_endpoints"][0]["status"] == "UPDATE_IN_PROGRESS"
            assert client.post(SYNC, params=NAME, json=GOOD | {"top_k": 0}).status_code == 400
            early = pool.submit(client.post, SYNC, params=NAME, json=GOOD)
            with client.stream("POST", STREAM, params=NAME, json=GOOD) as streamed:
                chunks = streamed.iter_bytes()
                assert next(chunks).startswith(b": ping")
                assert not early.done()
                loaded.set()
                assert b'"text":"h"' in b"".join(chunks)
            assert early.result().json()["output"]["text"] == "hello"
            assert client.get("/readyz").status_code == 200
            assert client.get(MODELS).json()["model_endpoints"][0]["status"] == "READY"
        finally:
            loaded.set()
