"""What comes back beside the text: finish reason, usage, log-probabilities, ids; the same in streams as in whole answers."""

from __future__ import annotations

import pytest

from . import calls
from .gateway import completion, output_event, stream

USAGE = {"prompt_tokens": 2, "completion_tokens": 4, "total_tokens": 6}


@pytest.mark.parametrize("call", calls.ALL)
async def test_info_is_the_same_on_every_path(llm, call):
    assert await calls.info(call, llm, "hello there") == {
        "finish_reason": "stop",
        "model_name": "llama-2-7b",
        "token_usage": USAGE,
        "request_id": "req-1",
    }


@pytest.mark.parametrize("call", calls.ALL)
async def test_logprobs_are_the_same_on_every_path(llm, call):
    """Floats and counts that a merge of chunks would add up, or choke on."""
    info = await calls.info(call, llm, "hello there", logprobs=True)
    assert info["logprobs"] == {
        "tokens": [" You", " said:", " hello", " there"],
        "token_logprobs": [-0.125, -0.25, -0.375, -0.5],
    }
    assert info["token_usage"] == USAGE
    assert info["model_name"] == "llama-2-7b"
    assert info["finish_reason"] == "stop"


@pytest.mark.parametrize("call", calls.ALL)
async def test_finish_reason_length(llm, call):
    assert (await calls.info(call, llm, "hello there", max_tokens=4))["finish_reason"] == "length"
    assert (await calls.info(call, llm, "hello there", max_tokens=5))["finish_reason"] == "stop"


@pytest.mark.parametrize("call", calls.ALL)
async def test_model_name_is_the_one_that_answered(llm, call):
    assert (await calls.info(call, llm, "x", model="other"))["model_name"] == "other"


@pytest.mark.parametrize("call", calls.WHOLE)
async def test_llm_output_of_a_run(llm, call):
    ended = calls.Ended()
    await call(llm, "hello there", config={"callbacks": [ended]})
    assert ended.results[0].llm_output == {"token_usage": USAGE, "model_name": "llama-2-7b"}


@pytest.mark.parametrize("method", ["generate", "agenerate"])
async def test_llm_output_sums_the_prompts(llm, method):
    prompts = ["one", "two words", "now three words"]
    result = llm.generate(prompts) if method == "generate" else await llm.agenerate(prompts)
    assert [g[0].text for g in result.generations] == [f" You said: {p}" for p in prompts]
    assert [g[0].generation_info["token_usage"]["prompt_tokens"] for g in result.generations] == [1, 2, 3]
    assert result.llm_output == {
        "token_usage": {"prompt_tokens": 6, "completion_tokens": 12, "total_tokens": 18},
        "model_name": "llama-2-7b",
    }


def test_empty_list_of_prompts(llm):
    assert llm.generate([]).generations == []
    assert llm.batch([]) == []


def test_a_partial_sum_is_no_sum(llm, gateway):
    gateway.answers["uncounted"] = lambda body: completion("text", count=3)
    result = llm.generate(["hello", "uncounted"])
    assert result.generations[1][0].generation_info["token_usage"] == {"completion_tokens": 3}
    assert result.llm_output["token_usage"] == {"completion_tokens": 6}


@pytest.mark.parametrize("call", calls.WHOLE)
async def test_uncounted_completion(llm, gateway, call):
    """Some vLLM endpoints count nothing and say 0."""
    gateway.answers["x"] = lambda body: completion("some text", count=0)
    info = await calls.info(call, llm, "x")
    assert (info["finish_reason"], info["token_usage"]) == (None, {})


@pytest.mark.parametrize("call", calls.ALL)
async def test_empty_completion_is_a_finished_one(llm, gateway, call):
    streamed = call in calls.STREAMED
    gateway.answers["x"] = lambda body: (
        stream(output_event("", count=0, prompt_tokens=1, finished=True))
        if streamed
        else completion("", count=0, prompt_tokens=1)
    )
    ended = calls.Ended()
    assert await call(llm, "x", config={"callbacks": [ended]}) == ""
    info = ended.generation.generation_info
    assert info["finish_reason"] == "stop"
    assert info["token_usage"] == {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1}


async def chunks_of(llm, prompt, mode, **kwargs):
    if mode == "sync":
        return list(llm._stream(prompt, **kwargs))
    return [chunk async for chunk in llm._astream(prompt, **kwargs)]


@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_only_the_last_chunk_says_more_than_logprobs(llm, mode):
    chunks = await chunks_of(llm, "hello there", mode, logprobs=True)
    assert [chunk.generation_info for chunk in chunks[:-1]] == [
        {"logprobs": {"tokens": [text], "token_logprobs": [value]}}
        for text, value in [(" You", -0.125), (" said:", -0.25), (" hello", -0.375)]
    ]
    assert chunks[-1].text == " there"
    assert set(chunks[-1].generation_info) == {
        "logprobs",
        "finish_reason",
        "model_name",
        "token_usage",
        "request_id",
    }
    plain = await chunks_of(llm, "hello there", mode)
    assert [chunk.generation_info for chunk in plain[:-1]] == [None] * 3


@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_stream_that_never_says_finished(llm, gateway, mode):
    """TensorRT-LLM: every event counts the prompt, none is the last."""
    gateway.answers["x"] = lambda body: stream(
        *(output_event(text, count=i + 1, prompt_tokens=5) for i, text in enumerate([" Once", " upon", " a"]))
    )
    chunks = await chunks_of(llm, "x", mode, max_tokens=3)
    assert [chunk.text for chunk in chunks] == [" Once", " upon", " a", ""]
    assert [chunk.generation_info for chunk in chunks[:-1]] == [None] * 3
    assert chunks[-1].generation_info == {
        "finish_reason": "length",
        "model_name": "llama-2-7b",
        "token_usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
        "request_id": "req-1",
    }


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_stream_whose_last_event_repeats_the_text(llm, gateway, call):
    """DeepSpeed."""
    gateway.answers["x"] = lambda body: stream(
        output_event(" Once"),
        output_event(" upon"),
        output_event(" Once upon", count=2, prompt_tokens=5, finished=True),
    )
    ended = calls.Ended()
    assert await call(llm, "x", config={"callbacks": [ended]}) == " Once upon"
    assert ended.generation.generation_info["token_usage"]["completion_tokens"] == 2


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_finished_twice_is_said_once(llm, gateway, call):
    last = output_event(" b", count=2, prompt_tokens=1, finished=True)
    gateway.answers["x"] = lambda body: stream(output_event(" a", count=1), last, {**last, "output": last["output"]})
    info = await calls.info(call, llm, "x")
    assert info["finish_reason"] == "stop"
    assert info["model_name"] == "llama-2-7b"


def test_token_counts_with_the_models_own_tokenizer(make_llm):
    assert make_llm(custom_get_token_ids=lambda text: [ord(c) for c in text]).get_num_tokens("four") == 4
