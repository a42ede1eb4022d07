"""Whole completions from the real default model, over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from llmengine_integrations.wire.completions import Completion

from .conftest import PROMPT

pytestmark = pytest.mark.engine


def test_a_completion(client):
    output = client.complete(max_new_tokens=12)
    assert output["num_completion_tokens"] == 12
    assert output["num_prompt_tokens"] > 5
    assert output["text"]
    assert output["tokens"] is None


def test_the_reply_has_the_wire_type_and_null_keys(client):
    reply = client.post(
        "/v1/llm/completions-sync?model_endpoint_name=llama-2-7b",
        json={"prompt": PROMPT, "max_new_tokens": 3, "temperature": 0.5},
    )
    assert reply.headers["content-type"] == "application/json"
    completion = Completion.model_validate_json(reply.content)
    assert completion.request_id
    assert b'"tokens":null' in reply.content


def test_greedy_is_repeatable_and_sampling_is_not(client):
    assert client.complete()["text"] == client.complete()["text"]
    drawn = {client.complete("The", temperature=1.0, max_new_tokens=20)["text"] for _ in range(5)}
    assert len(drawn) > 1


@pytest.mark.parametrize("fields", [{"top_k": 1}, {"top_p": 1e-6}])
def test_a_filter_down_to_one_token_is_greedy(client, fields):
    assert client.complete(temperature=1.0, **fields)["text"] == client.complete()["text"]


def test_top_k_of_minus_one_is_off(client):
    assert client.complete(top_k=-1, top_p=1.0, temperature=0.0)["text"] == client.complete()["text"]


def test_log_probs_come_one_per_token(client):
    output = client.complete(return_token_log_probs=True, max_new_tokens=20)
    assert len(output["tokens"]) == output["num_completion_tokens"] == 20
    assert "".join(token["token"] for token in output["tokens"]) == output["text"]
    assert all(-50 < token["log_prob"] <= 0 for token in output["tokens"])
    assert len({token["log_prob"] for token in output["tokens"]}) > 10


def test_log_probs_do_not_depend_on_sampling_fields(client):
    plain = client.complete(return_token_log_probs=True, max_new_tokens=1)
    sampled = client.complete(return_token_log_probs=True, max_new_tokens=1, temperature=0.3, top_k=1)
    assert sampled["tokens"] == plain["tokens"]


def test_a_frequency_penalty_lessens_repetition(client):
    def repeated(**penalty: float) -> int:
        tokens = [
            t["token"] for t in client.complete(max_new_tokens=80, return_token_log_probs=True, **penalty)["tokens"]
        ]
        return len(tokens) - len(set(tokens))

    assert repeated(frequency_penalty=2.0) < repeated()
    assert repeated(presence_penalty=2.0) < repeated()


def test_a_stop_sequence_ends_the_text_and_is_left_out(client):
    whole = client.complete(max_new_tokens=40)
    stop = whole["text"][8:14]
    stopped = client.complete(max_new_tokens=40, stop_sequences=["never in there", stop])
    assert stopped["text"] == whole["text"].partition(stop)[0]
    assert stopped["num_completion_tokens"] < whole["num_completion_tokens"]
    kept = client.complete(max_new_tokens=40, stop_sequences=[stop], include_stop_str_in_output=True)
    assert kept["text"] == stopped["text"] + stop


def test_every_single_stop_is_cut_wherever_it_lies(client):
    text = client.complete(max_new_tokens=30)["text"]
    stops = {text[start : start + size] for start in range(0, len(text) - 5, 3) for size in (1, 2, 5)}
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda stop: (stop, client.complete(max_new_tokens=30, stop_sequences=[stop])["text"]), stops)
    for stop, cut in found:
        assert cut == text.partition(stop)[0]


def test_the_end_token_ends_the_text_without_appearing_in_it(client):
    prompt = "<|user|>\nHello<|end|>\n<|assistant|>\n"
    output = client.complete(prompt, max_new_tokens=200, return_token_log_probs=True)
    assert output["num_completion_tokens"] < 200
    assert output["tokens"][-1]["token"] == "<|end|>"
    assert "<|end|>" not in output["text"]
    assert "".join(token["token"] for token in output["tokens"][:-1]) == output["text"]
    assert client.complete(prompt, max_new_tokens=200, skip_special_tokens=False)["text"] == output["text"]


def test_an_empty_prompt(client):
    assert client.complete("")["num_prompt_tokens"] == 1


def test_unicode_survives(client):
    output = client.complete("café ☕ 东京 \U0001f600", max_new_tokens=5, return_token_log_probs=True)
    assert output["num_completion_tokens"] == 5


@pytest.mark.parametrize("count", [0, -5])
def test_fewer_than_one_new_token_is_refused(client, count):
    assert client.refuse(max_new_tokens=count) == (
        400,
        {"detail": f"max_new_tokens must be at least 1, got {count}."},
    )


def test_a_prompt_that_is_too_long_is_refused(client):
    status, body = client.refuse("word " * 3000)
    assert status == 400
    assert "maximum context length is 2048 tokens" in body["detail"]
    status, body = client.refuse("x" * 2_000_000)
    assert (status, "2000000 characters" in body["detail"]) == (400, True)


def test_generation_ends_where_the_context_ends(client):
    prompt = "word " * 900
    output = client.complete(prompt, max_new_tokens=10**12)
    assert output["num_prompt_tokens"] + output["num_completion_tokens"] <= 2048


def test_many_at_once_get_what_each_gets_alone(client):
    prompts = [
        f"{word} is" for word in ("The sky", "A book", "My name", "Water", "Paris", "The number 7", "It", "Blue")
    ]
    alone = [client.complete(prompt, max_new_tokens=30)["text"] for prompt in prompts]
    with ThreadPoolExecutor(24) as pool:
        together = list(pool.map(lambda prompt: client.complete(prompt, max_new_tokens=30)["text"], prompts * 4))
    assert together == alone * 4
