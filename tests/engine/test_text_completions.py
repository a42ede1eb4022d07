"""`/v2/completions` with the real default model, over HTTP and through this package's clients."""

from __future__ import annotations

import json

import pytest

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.wire.text_completions import TextCompletion

from .conftest import PROMPT, parse_events

pytestmark = pytest.mark.engine

URL = "/v2/completions"
MODEL = "llmengine-tiny"


@pytest.fixture(scope="session")
def complete(client):
    def ask(prompt: object = PROMPT, **fields: object) -> dict:
        reply = client.post(URL, json=body(prompt, **fields))
        assert reply.status_code == 200, reply.text
        TextCompletion.model_validate_json(reply.content)
        return reply.json()

    return ask


@pytest.fixture(scope="session")
def stream(client):
    def ask(prompt: object = PROMPT, **fields: object) -> list[dict]:
        reply = client.post(URL, json=body(prompt, stream=True, **fields))
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
        return parse_events(reply.content)

    return ask


def body(prompt: object = PROMPT, **fields: object) -> dict:
    return {"model": MODEL, "prompt": prompt, "temperature": 0} | fields


def texts(reply: dict) -> list[str]:
    assert [choice["index"] for choice in reply["choices"]] == list(range(len(reply["choices"])))
    return [choice["text"] for choice in reply["choices"]]


def joined(events: list[dict], index: int = 0) -> str:
    choices = [choice for event in events for choice in event["choices"]]
    return "".join(choice["text"] for choice in choices if choice["index"] == index)


def test_a_text_is_what_v1_writes(complete, client):
    reply, output = complete(), client.complete(max_new_tokens=16)
    assert texts(reply) == [output["text"]]
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["usage"]["prompt_tokens"] == output["num_prompt_tokens"]
    assert reply["usage"]["completion_tokens"] == 16
    assert reply["usage"]["total_tokens"] == 16 + output["num_prompt_tokens"]


def test_several_prompts_and_choices_are_numbered_prompt_by_prompt(complete):
    prompts = [PROMPT, "The garden", ""]
    alone = [texts(complete(prompt))[0] for prompt in prompts]
    together = complete(prompts, n=2)
    assert texts(together) == [text for text in alone for _ in range(2)]
    counts = [complete(prompt)["usage"]["prompt_tokens"] for prompt in prompts]
    assert together["usage"]["prompt_tokens"] == sum(counts)


def test_prompts_of_tokens(complete):
    assert complete([1, 50, 60])["usage"]["prompt_tokens"] == 3
    both = complete([[1, 50, 60], [1, 70]])
    assert texts(both) == [texts(complete([1, 50, 60]))[0], texts(complete([1, 70]))[0]]
    assert both["usage"]["prompt_tokens"] == 5


def test_special_tokens_can_be_left_out(complete):
    counted = [complete(add_special_tokens=add)["usage"]["prompt_tokens"] for add in (True, False)]
    assert counted[0] == counted[1] + 1


def test_log_probs_are_those_of_v1(complete, client):
    output = client.complete(max_new_tokens=10, return_token_log_probs=True)
    for count in (0, 3):
        found = complete(max_tokens=10, logprobs=count)["choices"][0]
        logprobs = found["logprobs"]
        assert logprobs["tokens"] == [token["token"] for token in output["tokens"]]
        assert logprobs["token_logprobs"] == pytest.approx([t["log_prob"] for t in output["tokens"]], abs=1e-3)
        for token, offset in zip(logprobs["tokens"], logprobs["text_offset"], strict=True):
            assert found["text"].startswith(token, offset)
        assert {len(top) for top in logprobs["top_logprobs"]} == {max(1, count)}
        for token, log_prob, top in zip(
            *(logprobs[key] for key in ("tokens", "token_logprobs", "top_logprobs")), strict=True
        ):
            assert top[token] == log_prob == max(top.values())


def test_an_unlikely_token_stands_beside_the_likeliest(complete):
    logprobs = complete(max_tokens=40, logprobs=1, temperature=1, seed=1, ignore_eos=True)["choices"][0]["logprobs"]
    for token, top in zip(logprobs["tokens"], logprobs["top_logprobs"], strict=True):
        assert token in top
    assert {len(top) for top in logprobs["top_logprobs"]} == {1, 2}


def test_echo(complete, stream):
    plain = complete(max_tokens=4)
    assert texts(complete(max_tokens=4, echo=True)) == [PROMPT + texts(plain)[0]]
    assert joined(stream(max_tokens=4, echo=True)) == PROMPT + texts(plain)[0]
    nothing = complete(max_tokens=0, echo=True)
    assert texts(nothing) == [PROMPT]
    assert nothing["usage"]["completion_tokens"] == 0
    (tokens,) = texts(complete([1, 50, 60], max_tokens=0, echo=True))
    assert tokens


def test_stop_and_seed(complete):
    (text,) = texts(complete())
    stop = text[8:12]
    stopped = complete(stop=stop)
    assert texts(stopped) == [text.partition(stop)[0]]
    assert stopped["choices"][0]["finish_reason"] == "stop"
    drawn = [texts(complete(temperature=1.5, seed=4, n=2)) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert drawn[0][0] != drawn[0][1]


def test_a_top_k_beyond_the_vocabulary_changes_nothing(complete):
    drawn = [texts(complete(temperature=1.5, seed=4, top_k=top_k)) for top_k in (2**70, 10**400, -1)]
    assert drawn[0] == drawn[1] == drawn[2]


@pytest.mark.parametrize("seed", [2**63 - 1, -(2**63), 0])
def test_any_seed_of_64_bits_will_do(complete, seed):
    """Also for the second choice, which has the next."""
    drawn = [texts(complete(temperature=1.5, seed=seed, n=2)) for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_best_of(complete):
    fields = {"temperature": 1.5, "seed": 2, "logprobs": 0, "max_tokens": 8}

    def mean(choice: dict) -> float:
        return sum(choice["logprobs"]["token_logprobs"]) / len(choice["logprobs"]["tokens"])

    every = complete(n=5, **fields)["choices"]
    best = complete(n=2, best_of=5, **fields)
    wanted = sorted(every, key=mean, reverse=True)[:2]
    assert texts(best) == [choice["text"] for choice in wanted]
    assert best["usage"]["completion_tokens"] == sum(len(choice["logprobs"]["tokens"]) for choice in every)


def test_a_stream_adds_up_to_the_reply(complete, stream):
    fields = {"n": 2, "seed": 7, "temperature": 1.5, "logprobs": 1}
    whole = complete([PROMPT, "The"], **fields)
    events = stream([PROMPT, "The"], **fields, stream_options={"include_usage": True})
    *chunks, usage = events
    assert [joined(chunks, index) for index in range(4)] == texts(whole)
    assert usage["choices"] == []
    assert usage["usage"] == {key: value for key, value in whole["usage"].items() if value is not None}
    for index, choice in enumerate(whole["choices"]):
        mine = [c["choices"][0] for c in chunks if c["choices"][0]["index"] == index]
        assert [t for c in mine for t in c["logprobs"]["tokens"]] == choice["logprobs"]["tokens"]
        assert [t for c in mine for t in c["logprobs"]["text_offset"]] == choice["logprobs"]["text_offset"]
        assert [c["finish_reason"] for c in mine if "finish_reason" in c] == [choice["finish_reason"]]


def test_constraints(complete):
    assert texts(complete(guided_choice=["blue", "green"]))[0] in ("blue", "green")
    colour = {
        "properties": {"colour": {"enum": ["blue", "green"]}},
        "required": ["colour"],
        "additionalProperties": False,
    }
    schema = {"name": "colour", "schema": {"type": "object", **colour}}
    (text,) = texts(complete(response_format={"type": "json_schema", "json_schema": schema}, max_tokens=50))
    assert json.loads(text)["colour"] in ("blue", "green")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"suffix": "end"}, "suffix"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"echo": True, "logprobs": 1}, "echo"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [99999]}, "99999"),
        ({"prompt": [-1]}, "-1"),
        ({"prompt": "\ud800"}, "prompt"),
        ({"prompt": ["a", "word " * 3000]}, "context length"),
        ({"best_of": 1, "n": 2}, "best_of"),
        ({"prompt": ["a"] * 2049}, "choices"),
        ({"seed": 2**63}, "seed"),
        ({"seed": -(2**63) - 1}, "seed"),
        ({"seed": 10**300, "stream": True}, "seed"),
        ({"prompt": ["a"] * 2000, "n": 2}, "choices"),
    ],
)
def test_refusals_name_the_field(client, fields, named):
    raw = json.dumps(body() | fields)
    reply = client.post(URL, content=raw, headers={"content-type": "application/json"})
    assert reply.status_code == 400, reply.text
    assert named in reply.json()["detail"]


@pytest.mark.parametrize(
    ("streamed", "detail"),
    [(False, "The specified endpoint could not be found."), (True, "Model endpoint nope not found.")],
)
def test_an_unknown_model(client, streamed, detail):
    reply = client.post(URL, json=body(model="nope", stream=streamed))
    assert (reply.status_code, reply.json()) == (404, {"detail": detail})


def test_our_client(engine, complete):
    with Client(base_url=engine.base_url, api_key=engine.api_key) as client:
        reply = client.text_completions.create(MODEL, PROMPT, temperature=0)
        assert reply.text == texts(complete())[0]
        with client.text_completions.stream(MODEL, PROMPT, temperature=0) as stream:
            assert "".join(chunk.text for chunk in stream) == reply.text


async def test_our_async_client(engine, complete):
    async with AsyncClient(base_url=engine.base_url, api_key=engine.api_key) as client:
        reply = await client.text_completions.create(MODEL, PROMPT, temperature=0)
        assert reply.text == texts(complete())[0]
        async with client.text_completions.stream(MODEL, PROMPT, temperature=0) as stream:
            assert "".join([chunk.text async for chunk in stream]) == reply.text
