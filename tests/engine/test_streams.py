from __future__ import annotations

import json
import re
import socket

import httpx
import pytest

from llmengine_integrations.engine.config import EngineConfig
from llmengine_integrations.engine.http.completion_events import EventEncoder
from llmengine_integrations.engine.runtime.generation import GenerationError, Piece
from llmengine_integrations.wire.completions import CompletionStreamEvent, CompletionStreamOutput, TokenOutput

from .conftest import PROMPT, parse_events
from .fakes import FakeBatch, eventually, fake_lane, running

pytestmark = pytest.mark.engine

STREAM = "/v1/llm/completions-stream?model_endpoint_name=llmengine-tiny"
SYNC = "/v1/llm/completions-sync?model_endpoint_name=llmengine-tiny"
KEY = ("any", "")


def body(**fields: object) -> dict[str, object]:
    return {"prompt": PROMPT, "max_new_tokens": 6, "temperature": 0.0} | fields


def test_the_bytes_of_a_stream(client):
    with client.stream("POST", STREAM, json=body(max_new_tokens=4)) as reply:
        raw = reply.read()
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["cache-control"] == "no-cache"
    assert reply.headers["x-accel-buffering"] == "no"
    assert reply.headers["transfer-encoding"] == "chunked"
    event = (
        rb'data: \{"request_id":"[0-9a-f-]{36}","output":\{"text":"[^\r\n]*","finished":(true|false),'
        rb'"num_prompt_tokens":(null|\d+),"num_completion_tokens":\d,"token":null\},"error":null\}\r\n\r\n'
    )
    assert re.fullmatch(b"(?:%s){4}" % event, raw)


def test_events_add_up_to_the_completion(client):
    whole = client.complete(max_new_tokens=40, return_token_log_probs=True)
    events = client.events(max_new_tokens=40, return_token_log_probs=True)
    outputs = [event["output"] for event in events]
    assert "".join(output["text"] for output in outputs) == whole["text"]
    tokens = [output["token"] for output in outputs]
    assert [token["token"] for token in tokens] == [token["token"] for token in whole["tokens"]]
    log_probs = [token["log_prob"] for token in whole["tokens"]]
    assert [token["log_prob"] for token in tokens] == pytest.approx(log_probs, abs=1e-3)
    assert [output["num_completion_tokens"] for output in outputs] == list(range(1, len(outputs) + 1))
    assert [output["finished"] for output in outputs] == [False] * (len(outputs) - 1) + [True]
    assert [output["num_prompt_tokens"] for output in outputs] == [None] * (len(outputs) - 1) + [
        whole["num_prompt_tokens"]
    ]
    assert len({event["request_id"] for event in events}) == 1


def test_a_stop_sequence_never_shows_in_a_stream(client):
    text = client.complete(max_new_tokens=40)["text"]
    stop = text[8:20]
    outputs = [event["output"] for event in client.events(max_new_tokens=40, stop_sequences=[stop])]
    assert "".join(output["text"] for output in outputs) == text.partition(stop)[0]
    assert outputs[-1]["finished"]
    assert outputs[-1]["text"] == ""


def test_the_encoder_writes_what_the_wire_types_would():
    piece = Piece('a "b"\n☕\u2028', 3, 7, "\\", -0.25)
    written = EventEncoder("id-1").piece(piece)
    output = CompletionStreamOutput(
        text=piece.text,
        finished=True,
        num_prompt_tokens=7,
        num_completion_tokens=3,
        token=TokenOutput(token="\\", log_prob=-0.25),
    )
    event = CompletionStreamEvent(request_id="id-1", output=output)
    assert written == f"data: {event.model_dump_json()}\r\n\r\n"
    plain = CompletionStreamOutput(text="x", finished=False, num_completion_tokens=1)
    assert EventEncoder("i").piece(Piece("x", 1)) == (
        f"data: {CompletionStreamEvent(request_id='i', output=plain).model_dump_json()}\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (GenerationError(400, "too long"), 400, "too long"),
        (GenerationError(500), 500, "Upstream service error for request_id r"),
    ],
)
def test_error_events(error, status, message):
    event = json.loads(EventEncoder("r").error(error).removeprefix("data: "))
    content = event["error"]["content"]
    assert (event["request_id"], event["output"], event["error"]["status_code"]) == ("r", None, status)
    assert content["error"] == message
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d PST", content["timestamp"])


def test_what_the_model_refuses_comes_inside_the_stream(client):
    """As in the gateway, which sends the headers before it has asked the model."""
    (event,) = client.events("word " * 3000)
    assert event["output"] is None
    assert event["error"]["status_code"] == 400
    assert "maximum context length" in event["error"]["content"]["error"]


def test_pings_come_on_time_between_events():
    batch = FakeBatch(text="x" * 8, delay=0.1)
    with (
        running(EngineConfig(port=0, ping_interval=0.15), lambda: {"llmengine-tiny": fake_lane(batch)}) as (url, _),
        httpx.Client(base_url=url, auth=KEY) as client,
    ):
        raw = client.post(STREAM, json=body(max_new_tokens=8)).content
    pings = re.findall(rb": ping - \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\r\n\r\n", raw)
    assert 3 <= len(pings) <= 6
    assert [event["output"]["text"] for event in parse_events(raw)] == ["x"] * 8
    assert raw.index(b": ping") > raw.index(b"data:")


def test_a_failure_in_the_middle_of_a_stream_and_life_after_it(caplog):
    batch = FakeBatch(text="abcdef", fail_at=3)
    with (
        running(EngineConfig(port=0), lambda: {"llmengine-tiny": fake_lane(batch)}) as (url, _),
        httpx.Client(base_url=url, auth=KEY) as client,
    ):
        events = parse_events(client.post(STREAM, json=body()).content)
        assert [event["output"] and event["output"]["text"] for event in events] == ["a", "b", "c", None]
        request_id = events[-1]["request_id"]
        assert events[-1]["error"]["status_code"] == 500
        assert events[-1]["error"]["content"]["error"] == f"Upstream service error for request_id {request_id}"
        failed = client.post(SYNC, json=body())
        assert failed.status_code == 500
        assert re.fullmatch(r"Upstream service error for request_id [0-9a-f-]{36}", failed.json()["detail"])
        batch.fail_at = None
        assert client.post(SYNC, json=body()).json()["output"]["text"] == "abcdef"
    assert "out of memory" in caplog.text


@pytest.mark.parametrize("route", [STREAM, SYNC])
def test_a_client_that_leaves_stops_its_generation(route):
    batch = FakeBatch(text="x" * 100_000, delay=0.01)
    lane = fake_lane(batch, context_length=10**6)
    with running(EngineConfig(port=0), lambda: {"llmengine-tiny": lane}) as (url, _):
        payload = json.dumps(body(max_new_tokens=100_000)).encode()
        head = (
            f"POST {route} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer k\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", httpx.URL(url).port)) as connection:
            connection.sendall(head.encode() + payload)
            assert eventually(lambda: batch.steps > 5)
            assert lane.busy
        assert eventually(lambda: not lane.busy)
        steps = batch.steps
    assert steps < 1000


def test_a_client_that_leaves_while_it_waits_is_forgotten():
    batch = FakeBatch(text="x" * 100_000, delay=0.01)
    lane = fake_lane(batch, context_length=10**6, max_batch_size=1)
    with (
        running(EngineConfig(port=0), lambda: {"llmengine-tiny": lane}) as (url, _),
        httpx.Client(base_url=url, auth=KEY) as client,
        client.stream("POST", STREAM, json=body(max_new_tokens=100_000)) as first,
    ):
        chunks = first.iter_bytes()
        next(chunks)
        with client.stream("POST", STREAM, json=body()):
            assert eventually(lambda: lane.num_waiting == 1)
        first.close()
        assert eventually(lambda: not lane.busy)


CHAT = {
    "model": "llmengine-tiny",
    "messages": [{"role": "user", "content": "x"}],
    "stream": True,
    "max_tokens": 100_000,
}


@pytest.mark.parametrize(
    ("route", "request_body"), [(STREAM, body(max_new_tokens=100_000)), ("/v2/chat/completions", CHAT)]
)
def test_stopping_the_server_breaks_open_streams_off(route, request_body, caplog):
    """As one that is killed does: what came looks like no whole text to anybody, and nothing is reported as a fault."""
    lane = fake_lane(FakeBatch(text="x" * 100_000, delay=0.01), context_length=10**6)
    raw: list[bytes] = []
    with (
        running(EngineConfig(port=0), lambda: {"llmengine-tiny": lane}) as (url, server),
        httpx.Client(base_url=url, auth=KEY) as client,
        client.stream("POST", route, json=request_body) as reply,
    ):
        chunks = reply.iter_raw()
        raw.append(next(chunks))
        server.should_exit = True
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            raw.extend(chunks)
    last = parse_events(b"".join(raw))[-1]
    assert last.get("error") is None
    if route == STREAM:
        assert last["output"]["finished"] is False
    else:
        assert last["choices"][0].get("finish_reason") is None
    assert caplog.text == ""
