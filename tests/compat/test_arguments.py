"""Upstream's arguments: that each gets to the server. `test_upstream_signatures.py` compares their names, order and defaults."""

from __future__ import annotations

import pytest

from core._server import COMPLETION, output, reply, stream
from llmengine_integrations.compat import Completion, FineTune, Model, data_types

LABELS = {"team": "t", "product": "p"}
TASK = reply(200, {"endpoint_creation_task_id": "task"})

ALL_OF_A_COMPLETION = {
    "max_new_tokens": 7,
    "temperature": 0.5,
    "stop_sequences": ["a"],
    "return_token_log_probs": True,
    "presence_penalty": 0.25,
    "frequency_penalty": 0.75,
    "top_k": 5,
    "top_p": 0.125,
    "include_stop_str_in_output": False,
    "guided_json": {"type": "object"},
    "guided_regex": "b",
    "guided_choice": ["c"],
    "guided_grammar": "d",
    "skip_special_tokens": False,
}
OF_AN_ENDPOINT = {
    "source": "hugging_face",
    "num_shards": 2,
    "quantize": data_types.Quantization.AWQ,
    "checkpoint_path": "s3://c",
    "cpus": 3,
    "memory": "4Gi",
    "storage": "5Gi",
    "gpus": 2,
    "min_workers": 1,
    "max_workers": 6,
    "per_worker": 7,
    "gpu_type": data_types.GpuType.NVIDIA_HOPPER_H100,
    "high_priority": True,
    "post_inference_hooks": ["callback"],
    "default_callback_url": "https://callback.test",
    "public_inference": False,
    "labels": LABELS,
    # Not upstream's, but the server's
    "trust_remote_code": True,
    "metadata": {"a": 1},
    "chat_template_override": "t",
}


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_completion_sends_all_that_it_is_given(call, gateway, streamed):
    gateway.then(stream(output("a", finished=True)) if streamed else COMPLETION)
    made = await call(Completion.create, "m", "hi", **ALL_OF_A_COMPLETION, stream=streamed)
    if streamed:
        assert [one.output.text async for one in call.each(made)] == ["a"]
    assert gateway.sent.json == {"prompt": "hi", **ALL_OF_A_COMPLETION}


async def test_an_endpoint_gets_all_that_it_is_given(call, gateway):
    gateway.then(TASK)
    await call(Model.create, "m", "llama", "tag", **OF_AN_ENDPOINT, nodes_per_worker=2, max_model_len=9)
    assert gateway.sent.json == OF_AN_ENDPOINT | {
        "name": "m",
        "model_name": "llama",
        "inference_framework_image_tag": "tag",
        "inference_framework": "vllm",
        "endpoint_type": "streaming",
        "nodes_per_worker": 2,
        "max_model_len": 9,
    }


async def test_an_update_sends_all_that_it_is_given(call, gateway):
    gateway.then(TASK)
    await call(Model.update, "m", "llama", "tag", **OF_AN_ENDPOINT)
    assert gateway.sent.json == OF_AN_ENDPOINT | {"model_name": "llama", "inference_framework_image_tag": "tag"}


async def test_a_fine_tune_gets_all_that_it_is_given(call, gateway):
    gateway.answers("141-ft-create-ok")
    given = {
        "validation_file": "file-2",
        "hyperparameters": {"epochs": 2, "lr": 0.1},
        "wandb_config": {"api_key": "k"},
        "suffix": "s",
    }
    await call(FineTune.create, "m", "file-1", *given.values())
    assert gateway.sent.json == {"model": "m", "training_file": "file-1", **given}


async def test_requests_of_a_batch_are_sent_as_made(call, gateway):
    gateway.answers("178-batch2-create-ok-chat")
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": []},
    ]
    request = data_types.FilteredChatCompletionV2Request(
        messages=messages, stream=False, guided_json={"enum": [None], "default": None}, temperature=0
    )
    await call(Completion.batch_create, "o", {"model": "m"}, [request, {"messages": messages}], use_v2=True)
    assert gateway.sent.json["content"] == [
        {"messages": messages, "guided_json": {"enum": [None], "default": None}, "temperature": 0},
        {"messages": messages},
    ]
