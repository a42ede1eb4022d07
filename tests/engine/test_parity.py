"""The requests of the recordings of the real gateway get replies of the same status, type and keys from this engine.

Left out are exchanges with endpoints that are not vLLM, and with stand-in models that were told to fail.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from .conftest import PROMPT, parse_events

pytestmark = pytest.mark.engine

SYNC, STREAM = "POST completions-sync", "POST completions-stream"
LIST = "GET model-endpoints"
LLAMA = "?model_endpoint_name=llama-2-7b"
ASKED = {"prompt": PROMPT, "max_new_tokens": 6, "temperature": 0.2}

DETAIL = {"detail": "str"}
INVALID = {"detail": [{"type": "str", "loc": ["str"], "msg": "str", "input": "any"}]}
INVALID_WITH_CTX = {"detail": [INVALID["detail"][0] | {"ctx": "any"}]}
OUTPUT = {"text": "str", "num_prompt_tokens": "int", "num_completion_tokens": "int", "tokens": None}
TOKEN = {"token": "str", "log_prob": "float"}
WHOLE = {"request_id": "str", "output": OUTPUT}
WITH_TOKENS = {"request_id": "str", "output": OUTPUT | {"tokens": [TOKEN]}}
DEPLOYMENT = dict.fromkeys(["min_workers", "max_workers", "per_worker", "concurrent_requests_per_worker"], "int")
MODEL = {
    **dict.fromkeys(["id", "name", "model_name", "source", "status", "inference_framework"], "str"),
    "inference_framework_image_tag": "str",
    "num_shards": "int",
    "quantize": None,
    "checkpoint_path": "str",
    "chat_template_override": None,
    "task_expires_seconds": None,
    "queue_message_timeout_seconds": None,
    "spec": {
        **dict.fromkeys(["id", "name", "endpoint_type", "destination", "deployment_name"], "str"),
        "metadata": {
            "_llm": {
                **dict.fromkeys(
                    ["model_name", "source", "inference_framework", "inference_framework_image_tag"], "str"
                ),
                "num_shards": "int",
                "quantize": None,
                "checkpoint_path": "str",
            }
        },
        "bundle_name": "str",
        "status": "str",
        **dict.fromkeys(["status_reason", "post_inference_hooks", "default_callback_url", "default_callback_auth"]),
        "labels": {"team": "str", "product": "str"},
        **dict.fromkeys(["aws_role", "results_s3_bucket", "created_by", "created_at", "last_updated_at"], "str"),
        "deployment_state": {
            **DEPLOYMENT,
            "forwarder_max_concurrency": None,
            "available_workers": "int",
            "unavailable_workers": "int",
        },
        "resource_state": {
            "cpus": "str",
            "gpus": "int",
            "memory": "str",
            "gpu_type": "any",
            "storage": "str",
            "nodes_per_worker": "int",
            "optimize_costs": "bool",
        },
        "num_queued_items": None,
        "public_inference": "bool",
        "task_expires_seconds": None,
        "queue_message_timeout_seconds": None,
    },
}
MODELS = {"model_endpoints": [MODEL]}

# number of the recording, route, query or path, body, status, shape of the reply
EXCHANGES: list[tuple[str, str, str, Any, int, Any]] = [
    ("010", SYNC, LLAMA, ASKED, 200, WHOLE),
    ("011", SYNC, LLAMA, ASKED | {"return_token_log_probs": True}, 200, WITH_TOKENS),
    ("012", SYNC, LLAMA, ASKED | {"max_new_tokens": 20, "temperature": 0.0}, 200, WHOLE),
    ("013", SYNC, LLAMA, ASKED | {"max_new_tokens": 20, "stop_sequences": ["small"]}, 200, WHOLE),
    (
        "014",
        SYNC,
        LLAMA,
        ASKED
        | {"stop_sequences": ["x"], "return_token_log_probs": True, "presence_penalty": 0.5, "frequency_penalty": 0.5}
        | {"top_k": 5, "top_p": 0.9, "include_stop_str_in_output": True, "skip_special_tokens": True},
        200,
        WITH_TOKENS,
    ),
    ("017", SYNC, LLAMA, ASKED | {"bogus": 1}, 200, WHOLE),
    ("022", SYNC, "?model_endpoint_name=no-such-model", ASKED, 404, DETAIL),
    ("023", SYNC, "", ASKED, 422, INVALID),
    ("024", SYNC, LLAMA, ASKED | {"temperature": 1.5}, 422, INVALID_WITH_CTX),
    ("025", SYNC, LLAMA, {"prompt": "x"}, 422, INVALID),
    ("026", SYNC, LLAMA, ASKED | {"max_new_tokens": "many"}, 422, INVALID),
    ("027", SYNC, LLAMA, b"{not json", 422, INVALID_WITH_CTX),
    ("028", SYNC, LLAMA, b"", 422, INVALID),
    ("029", SYNC, LLAMA, ASKED | {"top_p": 0}, 422, INVALID_WITH_CTX),
    ("030", SYNC, LLAMA, ASKED | {"top_k": 0}, 400, DETAIL),
    ("031", SYNC, LLAMA, ASKED | {"temperature": 0, "top_k": 5}, 400, DETAIL),
    ("032", SYNC, LLAMA, ASKED | {"guided_choice": ["a"], "guided_regex": "a"}, 400, DETAIL),
    ("043", "GET completions-sync", LLAMA, None, 405, DETAIL),
    ("044", "GET nope", "", None, 404, DETAIL),
    ("059", STREAM, "?model_endpoint_name=no-such-model", ASKED, 404, DETAIL),
    ("060", STREAM, LLAMA, ASKED | {"temperature": 2}, 422, INVALID_WITH_CTX),
    ("061", STREAM, LLAMA, ASKED | {"top_k": 0}, 400, DETAIL),
    ("098", LIST, "", None, 200, MODELS),
    ("099", LIST, "?name=llama-2-7b", None, 200, MODELS),
    ("100", LIST, "?order_by=newest", None, 200, MODELS),
    ("101", LIST, "?order_by=bogus", None, 422, INVALID_WITH_CTX),
    ("103", LIST, "/llama-2-7b", None, 200, MODEL),
    ("104", LIST, "/nope", None, 404, DETAIL),
    ("105", LIST, "/org%2Fllama-3%208b", None, 404, DETAIL),
]


def matches(shape: Any, value: Any) -> bool:
    if isinstance(shape, dict):
        return (
            isinstance(value, dict)
            and list(shape) == list(value)
            and all(matches(shape[key], value[key]) for key in shape)
        )
    if isinstance(shape, list):
        return isinstance(value, list) and value != [] and matches(shape[0], value[0])
    return shape == "any" or (value is None if shape is None else type(value).__name__ == shape)


def ask(client: httpx.Client, route: str, rest: str, body: Any) -> httpx.Response:
    method, path = route.split()
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    headers = {} if content is None else {"Content-Type": "application/json"}
    return client.request(method, f"/v1/llm/{path}{rest}", content=content, headers=headers)


@pytest.mark.parametrize(
    ("route", "rest", "body", "status", "shape"),
    [pytest.param(*exchange, id=number) for number, *exchange in EXCHANGES],
)
def test_the_reply_is_like_the_gateways(client, route, rest, body, status, shape):
    reply = ask(client, route, rest, body)
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/json"
    assert matches(shape, reply.json()), reply.text


STREAMED = {"text": "str", "finished": "bool", "num_prompt_tokens": None, "num_completion_tokens": "int", "token": None}


@pytest.mark.parametrize("log_probs", [pytest.param(False, id="046"), pytest.param(True, id="047")])
def test_the_stream_is_like_the_gateways(client, log_probs):
    reply = ask(client, STREAM, LLAMA, ASKED | {"return_token_log_probs": log_probs})
    *events, last = parse_events(reply.content)
    output = STREAMED | {"token": TOKEN if log_probs else None}
    assert events
    for event in events:
        assert matches({"request_id": "str", "output": output, "error": None}, event)
    assert matches({"request_id": "str", "output": output | {"num_prompt_tokens": "int"}, "error": None}, last)


@pytest.mark.parametrize("path", [pytest.param("/readyz", id="195"), pytest.param("/healthz", id="196")])
def test_health_is_like_the_gateways(client, path):
    reply = client.get(path)
    assert (reply.status_code, reply.content) == (200, b"")
    assert "content-type" not in reply.headers
