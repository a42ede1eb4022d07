"""Requests that nobody would write: whatever the engine makes of them, it is no server error, and it comes soon.

FUZZ_EXAMPLES=500 pytest tests/engine/test_fuzz.py    looks longer
"""

from __future__ import annotations

import json
import os

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MODEL = "llama-2-7b"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60 + 2 * EXAMPLES)]

COMPLETION = {"prompt": "a", "max_new_tokens": 2, "temperature": 0.5}
MESSAGE = {"role": "user", "content": "a"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SAMPLING = {
    "frequency_penalty": 0.5,
    "guided_choice": ["a", "b"],
    "guided_grammar": "?start: /a/",
    "guided_json": {"type": "object"},
    "guided_regex": "a+",
    "presence_penalty": 0.5,
    "skip_special_tokens": False,
    "top_k": 3,
    "top_p": 0.5,
}
OPENAI = SAMPLING | {
    "add_special_tokens": False,
    "best_of": 2,
    "echo": True,
    "ignore_eos": True,
    "include_stop_str_in_output": True,
    "logit_bias": {"5": 3},
    "metadata": {"a": "b"},
    "min_p": 0.1,
    "min_tokens": 1,
    "n": 2,
    "repetition_penalty": 1.1,
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
    "seed": 5,
    "stop": ["a"],
    "stop_token_ids": [5],
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.5,
}
BATCH = {"model_config": {"model": MODEL}, "output_data_path": "fuzz.json", "labels": {"team": "t", "product": "p"}}
# For each route a body that is in order, and further fields with a value each that is.
FORMS = {
    "/v1/llm/completions-sync": (COMPLETION, SAMPLING | {"return_token_log_probs": True, "stop_sequences": ["a"]}),
    "/v1/llm/completions-stream": (COMPLETION, SAMPLING | {"return_token_log_probs": True, "stop_sequences": ["a"]}),
    "/v2/completions": (
        {"model": MODEL, "prompt": ["a", "b"], "max_tokens": 2},
        OPENAI | {"logprobs": 2, "suffix": ""},
    ),
    "/v2/chat/completions": (
        {"model": MODEL, "messages": [MESSAGE], "max_tokens": 2},
        OPENAI
        | {
            "add_generation_prompt": True,
            "chat_template_kwargs": {"a": "b"},
            "continue_final_message": False,
            "documents": [{"title": "a", "text": "b"}],
            "logprobs": True,
            "modalities": ["text"],
            "parallel_tool_calls": False,
            "tool_choice": "required",
            "tools": [TOOL],
            "top_logprobs": 2,
        },
    ),
    "/v1/llm/batch-completions": (
        BATCH | {"content": {"prompts": ["a"], "max_new_tokens": 1, "temperature": 0}},
        {"data_parallelism": 1, "max_runtime_sec": 5, "priority": "1", "tool_config": {"name": "code_evaluator"}},
    ),
    "/v2/batch-completions": (
        BATCH | {"content": [{"messages": [MESSAGE], "max_tokens": 1}]},
        {"data_parallelism": 1, "input_data_path": "a", "max_runtime_sec": 5, "priority": "1"},
    ),
    "/v2/batch-completions/a": ({"job_id": "a"}, {"priority": "1"}),
    "/v2/batch-completions/a/actions/cancel": ({}, {}),
    "/v1/llm/fine-tunes": (
        {"model": MODEL, "training_file": "file-a", "hyperparameters": {}},
        {"suffix": "a", "validation_file": "file-a", "wandb_config": {"api_key": "a"}},
    ),
    "/v1/llm/model-endpoints": ({"name": "a", "model_name": "a"}, {"metadata": {}, "labels": {}, "min_workers": 1}),
    "/v1/llm/model-endpoints/download": ({"model_name": "a"}, {"download_format": "hugging_face"}),
    "/v1/files": ({"file": "a"}, {}),
}
# How much is written is left alone: a long text is no error, and takes its time.
KEPT = {"max_new_tokens", "max_tokens", "model"}

TYPES = [None, True, "", "a", 0.5, [], [[]], {}]
ODD = [
    *TYPES,
    -1,
    2**63,
    -(2**63) - 1,
    10**400,
    float("nan"),
    float("inf"),
    -1e308,
    "\0",
    "\ud800",
    "../..",
    {"a": None},
]

numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([2**31, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**400, -1, 0, 1, 1e308, 1e-308]),
)
texts = st.one_of(
    st.text(max_size=20), st.sampled_from(["", "\0", "\ud800", "../..", "a" * 5000, "(a" * 200, "[a]{99999}"])
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=8,
)


@st.composite
def changed(draw, value: object) -> object:
    """A value with something in it replaced, left out or added."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value)))
        rest = {name: other for name, other in value.items() if name != key}
        return rest if not draw(st.integers(0, 5)) else rest | {key: draw(changed(value[key]))}
    if isinstance(value, list) and value and draw(st.integers(0, 2)):
        return [*value[1:], draw(changed(value[0]))]
    return draw(anything)


@st.composite
def bodies(draw, path: str) -> object:
    """A body that is in order but for a field or two, or anything."""
    if not draw(st.integers(0, 9)):
        return draw(anything)
    body, further = FORMS[path]
    chosen = draw(st.lists(st.sampled_from(sorted(further)), max_size=4, unique=True)) if further else []
    whole = body | {name: further[name] for name in chosen}
    for _ in range(draw(st.integers(1, 2))):
        names = sorted(whole.keys() - KEPT)
        name = draw(st.sampled_from(names)) if names else "a"
        whole = whole | {name: draw(changed(whole.get(name)))}
    return whole


@pytest.fixture(scope="module")
def http(engine):
    with httpx.Client(base_url=engine.base_url, auth=(engine.api_key, ""), timeout=30) as http:
        yield http


def ask(http: httpx.Client, path: str, content: bytes, content_type: str) -> None:
    query = {"model_endpoint_name": MODEL} if "/v1/llm/completions" in path else {}
    reply = http.post(path, params=query, content=content, headers={"content-type": content_type})
    assert reply.status_code < 500, (path, content[:500], reply.text)
    if "event-stream" in reply.headers["content-type"]:
        assert b'"status_code": 500' not in reply.content.replace(b'":5', b'": 5'), (path, content[:500], reply.text)


fuzzed = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("path", FORMS)
def test_every_field_with_every_odd_value(http, path):
    body, further = FORMS[path]
    for name, value in (body | further).items():
        for odd in ODD if name not in KEPT else TYPES:
            ask(http, path, json.dumps(body | {name: odd}).encode(), "application/json")
            if isinstance(value, list | dict):
                for inner in value if isinstance(value, dict) else [0]:
                    nested = {**value, inner: odd} if isinstance(value, dict) else [odd]
                    ask(http, path, json.dumps(body | {name: nested}).encode(), "application/json")


HALF = "\ud800"  # of a surrogate pair
TUNE, CHAT, TEXT = "/v1/llm/fine-tunes", "/v2/chat/completions", "/v2/completions"


def told(arguments: str) -> dict:
    """A chat in which a tool has been called."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return {"messages": [MESSAGE, {"role": "assistant", "tool_calls": [call]}]}


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (TUNE, {"training_file": f"file-{HALF}"}),
        (TUNE, {"validation_file": f"file-{HALF}"}),
        (CHAT, told('{"a":' * 100_000)),
        (CHAT, told("[" * 100_000)),
        (CHAT, told('{"a": "\\ud800"}')),
        (TEXT, {"stop_token_ids": [10**30], "min_tokens": 2}),
        (TEXT, {"stop_token_ids": list(range(5000)), "min_tokens": 2, "ignore_eos": True}),
    ],
)
def test_what_is_odd_together(http, path, fields):
    ask(http, path, json.dumps(FORMS[path][0] | fields).encode(), "application/json")


@pytest.mark.parametrize("path", FORMS)
@fuzzed
@given(data=st.data())
def test_json_of_all_kinds(http, path, data):
    ask(http, path, json.dumps(data.draw(bodies(path))).encode(), "application/json")


@fuzzed
@given(
    path=st.sampled_from(sorted(FORMS)),
    content=st.one_of(
        st.binary(max_size=200),
        st.sampled_from(
            [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 100_000, b"NaN", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}"]
        ),
        st.builds(lambda text, cut: text[:cut], st.just(json.dumps(COMPLETION).encode()), st.integers(0, 60)),
    ),
    content_type=st.sampled_from(
        ["application/json", "application/x+json", "text/plain", "multipart/form-data; boundary=a", ""]
    ),
)
def test_bytes_of_all_kinds(http, path, content, content_type):
    ask(http, path, content, content_type)


@fuzzed
@given(
    head=st.one_of(st.binary(max_size=60), st.just(b'Content-Disposition: form-data; name="file"; filename="a"')),
    content=st.binary(max_size=100),
    end=st.sampled_from([b"\r\n--a--\r\n", b"\r\n--a", b"", b"\r\n--a\r\n"]),
    boundary=st.sampled_from(["a", "b", '"a"', "", "a" * 300, "\u00e9"]),
)
def test_forms_of_all_kinds(http, head, content, end, boundary):
    """A file that is no UTF-8 is a server error, as in the gateway."""
    body = b"--a\r\n" + head + b"\r\n\r\n" + content + end
    reply = http.post(
        "/v1/files", content=body, headers=[(b"content-type", f"multipart/form-data; boundary={boundary}".encode())]
    )
    if reply.status_code == 200:
        assert http.delete(f"/v1/files/{reply.json()['id']}").json() == {"deleted": True}
    elif reply.status_code >= 500:
        with pytest.raises(UnicodeDecodeError):
            content.decode()
