"""Guided decoding over HTTP, in v1 completions."""

from __future__ import annotations

import json
import re

import pytest

pytestmark = pytest.mark.engine

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
LONG = "[ab]{200}"


def test_each_kind(client):
    assert client.complete(guided_choice=["yes", "no", "naïve 😀"])["text"] in {"yes", "no", "naïve 😀"}
    assert re.fullmatch(r"\d{4}-\d{2}", client.complete(guided_regex=r"\d{4}-\d{2}")["text"])
    sums = client.complete(guided_grammar='root ::= num ("+" num){1,2}\nnum ::= [0-9]{1,2}', max_new_tokens=50)["text"]
    assert re.fullmatch(r"\d{1,2}(\+\d{1,2}){1,2}", sums)
    person = json.loads(client.complete(guided_json=SCHEMA, max_new_tokens=100, temperature=1.0)["text"])
    assert list(person) == ["name", "age"]
    assert 0 <= person["age"] <= 120


def test_streams_spell_the_same_text(client):
    fields = {"guided_json": SCHEMA, "max_new_tokens": 100}
    events = client.events(**fields)
    assert "".join(event["output"]["text"] for event in events) == client.complete(**fields)["text"]
    assert [event["output"]["finished"] for event in events].count(True) == 1
    assert events[-1]["output"]["num_completion_tokens"] == len(events)


def test_cuts(client):
    assert re.fullmatch("[ab]{1,10}", client.complete(guided_regex=LONG, max_new_tokens=5)["text"])
    stopped = client.complete(guided_regex="[ab]{0,99}END.*", max_new_tokens=300, stop_sequences=["EN"])["text"]
    assert re.fullmatch("[ab]{0,99}", stopped)
    kept = client.complete(
        guided_choice=["one END two"], stop_sequences=["END"], include_stop_str_in_output=True, max_new_tokens=50
    )
    assert kept["text"] == "one END"


def test_a_stop_sequence_that_never_comes_holds_nothing_back(client):
    assert client.complete(guided_choice=["stop ab"], stop_sequences=["abc"], max_new_tokens=50)["text"] == "stop ab"


def test_log_probs_are_those_of_the_free_model(client):
    free = client.complete(return_token_log_probs=True, max_new_tokens=1)["tokens"][0]
    forced = client.complete(return_token_log_probs=True, guided_choice=["zz"])["tokens"]
    assert "".join(token["token"] for token in forced).startswith("z")
    assert forced[0]["log_prob"] < free["log_prob"] < 0


@pytest.mark.parametrize("route", ["sync", "stream"])
def test_an_invalid_constraint_is_refused_before_anything_is_sent(client, route):
    reply = client.post(
        f"/v1/llm/completions-{route}",
        params={"model_endpoint_name": "llama-2-7b"},
        json={"prompt": "x", "max_new_tokens": 5, "temperature": 0, "guided_json": {"type": "strng"}},
    )
    assert (reply.status_code, reply.json()) == (400, {"detail": "guided_json: Invalid type: strng"})


def test_a_constraint_that_only_the_model_finds_empty(client):
    detail = "The guided text cannot be generated: It allows no text."
    assert client.refuse(guided_grammar="start: start") == (400, {"detail": detail})
    (event,) = client.events(guided_grammar="start: start")
    assert (event["error"]["status_code"], event["error"]["content"]["error"]) == (400, detail)
