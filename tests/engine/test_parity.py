"""The requests of the recordings of the real gateway, sent to this engine: the same status, and replies of the same shape.

Every recording of the routes that the engine has is asked, or stands below with the reason why not.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from recordings.tape import PATHS, Exchange, exchange

from .conftest import parse_events

pytestmark = pytest.mark.engine

ROUTES = (
    "/v2/chat/completions",
    "/v2/completions",
    "/v1/llm/completions-",
    "/v1/llm/model-endpoints",
    "/v1/files",
    "/v1/llm/batch-completions",
    "/v2/batch-completions",
    "/readyz",
    "/healthz",
    "/v1/llm/nope",
)

OTHER_FRAMEWORK = "asks a model that another framework than vLLM serves, or that is not there to be streamed"
TOLD_TO_FAIL = "the gateway's stand-in model was told to fail"
NOT_YET = "creates or changes a model endpoint, which the engine does not"
ELSEWHERE = "asked in test_fine_tune_parity.py"
STAND_IN = "the gateway's stand-in model was told to think, or to call a tool in fewer tokens than a call takes"
RETIRED = "the engine has no models that are retired"
BETTER = "the gateway fails at every streamed text completion; test_text_completions.py asks for them"
SWITCHED_OFF = "the code evaluator is off; test_code_evaluator.py asks an engine that has it on"
BETTER_BATCHES = "the gateway fails at it with a 500; test_batches.py and test_batches_at_work.py ask for it"
NOT_ASKED = {
    **dict.fromkeys(["070", "083"], OTHER_FRAMEWORK),
    **dict.fromkeys(["075", "076", "077", "084", "085", "086", "087", "097"], TOLD_TO_FAIL),
    **dict.fromkeys(["067", "068", "073", "074"], STAND_IN),
    **dict.fromkeys(["088", "089", "095", "096"], RETIRED),
    **dict.fromkeys(["092", "093"], BETTER),
    **dict.fromkeys(["018", "019", "020", "021", "033", "034", "035", "036", "037", "039"], OTHER_FRAMEWORK),
    **dict.fromkeys(["048", "049", "050", "051", "062", "063", "102", "106", "165"], OTHER_FRAMEWORK),
    "166": ELSEWHERE,
    **dict.fromkeys(["038", "040", "041", "052", "053", "054", "055", "056", "057"], TOLD_TO_FAIL),
    "169": SWITCHED_OFF,
    **dict.fromkeys(["182", "186"], BETTER_BATCHES),
    "042": "its model's name is an alias in test_errors.py, where it is asked",
    "058": "pings are asked for in test_streams.py, with a shorter interval",
    **dict.fromkeys([f"{number}" for number in range(107, 122)], NOT_YET),
    **dict.fromkeys([f"{number}" for number in range(122, 129)], ELSEWHERE),
}

ANY = {"input", "ctx", "gpu_type", "top_logprobs", "metadata"}
"""Keys whose values may be of any type: what was sent, hardware that a laptop does not have, tokens as keys, and how far a batch is."""


def asked(path: str) -> bool:
    return any(path.startswith(route) for route in ROUTES)


RECORDINGS = [name for name in PATHS if asked(urlsplit(exchange(name).request.uri).path)]
ASKED = [name for name in RECORDINGS if name[:3] not in NOT_ASKED]


def test_the_list_of_what_is_not_asked_is_true():
    assert {name[:3] for name in RECORDINGS} >= set(NOT_ASKED)
    assert len(ASKED) >= 37


@pytest.mark.parametrize("name", ASKED)
def test_the_reply_is_like_the_gateways(name, engine):
    recorded = exchange(name)
    reply = ask(recorded, engine.base_url, engine.api_key)
    assert reply.status_code == recorded.status, reply.text
    assert kind(reply.headers) == kind({key.lower(): value[0] for key, value in recorded.headers.items()})
    if kind(reply.headers) == "text/event-stream":
        check_stream(recorded.content, reply.content)
    elif recorded.content:
        check(recorded.json, reply.json())
    else:
        assert reply.content == b""


def ask(recorded: Exchange, base_url: str, key: str) -> httpx.Response:
    """Send what was sent to the gateway, with the engine's key where the gateway was given one that it took."""
    url = urlsplit(recorded.request.uri)
    path = with_a_job_of_ours(with_a_file_of_ours(url.path, base_url, key), base_url, key)
    headers = {name: value for name, value in recorded.request.headers.items() if name.lower() == "content-type"}
    scheme, _, _ = str(recorded.request.headers.get("authorization", "")).partition(" ")
    right = key if recorded.status != httpx.codes.UNAUTHORIZED else "wrong"
    if scheme:
        headers["authorization"] = (
            f"Basic {b64encode(f'{right}:'.encode()).decode()}" if scheme == "Basic" else f"{scheme} {right}"
        )
    return httpx.request(
        recorded.request.method,
        f"{base_url}{path}" + (f"?{url.query}" if url.query else ""),
        content=recorded.request.body_bytes.replace(b"s3://o", b"o").replace(
            b"s3://in/", b""
        ),  # this engine's files are local
        headers=headers,
        timeout=60,
    )


def with_a_file_of_ours(path: str, base_url: str, key: str) -> str:
    """A path under files, with the id of a file that the engine has in place of one that the gateway had."""
    if not path.startswith("/v1/files"):
        return path
    content = "prompt,response\nhello,world\nfoo,café\n".encode()
    uploaded = httpx.post(f"{base_url}/v1/files", files={"file": ("train.csv", content)}, auth=(key, ""))
    return path.replace("file-ff6f658bebfc44a", uploaded.json()["id"])


def with_a_job_of_ours(path: str, base_url: str, key: str) -> str:
    """A path under batches, with the id of a job of the engine's in place of the gateway's: one that fails, for it is never completed."""
    gateways = "batch-82ef3bf7ccf748f2bb1b"
    if gateways not in path:
        return path
    config = {"model": "llama-2-7b", "checkpoint_path": "s3://b"}
    body = {"output_data_path": "o", "model_config": config, "priority": "1"}  # without any content
    created = httpx.post(f"{base_url}/v2/batch-completions", json=body, auth=(key, ""))
    return path.replace(gateways, created.json()["job_id"])


def kind(headers: Any) -> str:
    return headers.get("content-type", "").partition(";")[0]


def check(recorded: Any, ours: Any, where: str = "reply") -> None:
    """The same keys in the same order, and values of the same types, all the way down; of a list, its first item."""
    if isinstance(recorded, dict):
        assert list(ours) == list(recorded), where
        for key in recorded:
            if key not in ANY:
                check(recorded[key], ours[key], f"{where}.{key}")
    elif isinstance(recorded, list) and recorded:
        assert ours, where
        check(recorded[0], ours[0], f"{where}[0]")
    else:
        assert type(ours) is type(recorded), f"{where}: {ours!r} instead of {recorded!r}"


def check_stream(recorded: bytes, ours: bytes) -> None:
    *before, last = parse_events(recorded)
    *events, end = parse_events(ours)
    assert events
    if "choices" in last:
        check(before[0], events[0])  # the role
        check(before[1], events[1])
        check(before[-1], events[-1])
        check(last, end)
        return
    for event in events:
        check(before[0], event)
    check(last, end)
    assert json.dumps(end["output"]["finished"]) == "true"
