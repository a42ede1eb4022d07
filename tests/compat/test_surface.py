"""What there is to call, import and pass: sections 19 to 24 of what upstream's own client fails at."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import subprocess
import sys

import pytest
from pydantic import BaseModel

from core._server import COMPLETION, reply
from llmengine_integrations.compat import Completion, File, FineTune, Model, data_types, errors
from recordings.tape import exchange

LABELS = {"team": "t", "product": "p"}
CLASSES = (Completion, FineTune, Model, File)
METHODS = [
    getattr(owner, name)
    for owner in CLASSES
    for name in vars(owner)
    if not name.startswith("_") and not inspect.iscoroutinefunction(getattr(owner, name))
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__qualname__)
def test_19_every_call_has_an_awaited_twin_and_takes_headers(method):
    owner, _, name = method.__qualname__.partition(".")
    twin = getattr({one.__name__: one for one in CLASSES}[owner], f"a{name}")
    assert inspect.iscoroutinefunction(twin)
    assert twin.__qualname__ == f"{owner}.a{name}"
    assert twin.__doc__ == method.__doc__
    ours, theirs = inspect.signature(method), inspect.signature(twin)
    assert ours.parameters == theirs.parameters
    assert "request_headers" in ours.parameters
    assert "Call[" not in f"{ours}{theirs}"
    assert "StreamCall" not in f"{ours}{theirs}"


async def test_19_batches_come_back_as_objects_that_are_dicts_too(call, gateway):
    gateway.answers("184-batch2-get", "191-batch2-cancel-no-body", "192-batch2-cancel-unknown")
    got = await call(Completion.get_batch_completion, "batch-82ef3bf7ccf748f2bb1b")
    assert got["job"]["status"] == got.job.status == "queued"
    assert dict(got) == json.loads(got.json())
    assert "job" in got
    assert got.get("other", 7) == 7
    assert (await call(Completion.cancel_batch_completion, "batch-1"))["success"] is True
    assert (await call(Completion.cancel_batch_completion, "nope")).success is False


async def test_19_models_can_be_chosen_and_ordered(call, gateway):
    gateway.answers("099-models-list-name")
    await call(Model.list, name="llama-2-7b", order_by="newest")
    assert gateway.sent.target == "/v1/llm/model-endpoints?name=llama-2-7b&order_by=newest"


async def test_19_headers_go_with_their_call_only(call, gateway):
    gateway.always(COMPLETION)
    await call(Completion.create, "m", "hi", request_headers={"X-Trace": "1", "Authorization": "Bearer other"})
    assert gateway.sent.headers["x-trace"] == "1"
    assert gateway.sent.headers["authorization"] == "Bearer other"
    await call(Completion.create, "m", "hi")
    assert "x-trace" not in gateway.sent.headers
    assert gateway.sent.headers["authorization"].startswith("Basic ")
    assert gateway.connections == 1


def test_20_importing_it_asks_nobody_prints_nothing_and_loads_no_framework():
    program = """
import os, sys
seen = []
sys.addaudithook(lambda name, _: seen.append(name) if name.startswith(("socket.", "subprocess.")) else None)
os.environ["LLM_ENGINE_BASE_PATH"] = "no URL"
import llmengine_integrations.compat
foreign = {"torch", "transformers", "langchain_core", "llama_index", "starlette", "requests", "aiohttp", "openai"}
print(seen, foreign & set(sys.modules))
"""
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 - our own program
    assert (done.stdout, done.stderr) == ("[] set()\n", "")


def test_21_replies_are_models_of_pydantics_second_version():
    class Page(BaseModel):
        reply: data_types.CompletionSyncResponse

    recorded = exchange("010-sync-ok").json
    page = Page(reply=recorded)
    assert page.model_dump(mode="json") == {"reply": recorded}
    assert pickle.loads(pickle.dumps(page.reply)) == page.reply  # noqa: S301 - our own


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_23_what_creates_something_is_sent_once(call, gateway, status):
    gateway.always(reply(status, {"detail": "Later."}))
    creations = [
        (FineTune.create, ["m", "f"], {}),
        (Completion.batch_create, ["o", {"model": "m"}], {"input_data_path": "i"}),
        (Model.create, ["m", "m", "latest"], {"labels": LABELS}),
        (Model.update, ["m"], {"max_workers": 1, "public_inference": False}),
        (File.upload, [b"prompt,response\n"], {}),
    ]
    for method, arguments, options in creations:
        with pytest.raises((errors.ServerError, errors.RateLimitExceededError)):
            await call(method, *arguments, **options)
    assert len(gateway.received) == len(creations)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__qualname__)
async def test_24_a_misspelt_argument_is_refused(call, gateway, method):
    needed = [name for name, one in inspect.signature(method).parameters.items() if one.default is one.empty]
    arguments = {name: "x" for name in needed if name != "extra_kwargs"}
    arguments |= {"labels": LABELS} if method is Model.create else {}
    with pytest.raises(TypeError, match="reqest_headers"):
        await call(method, **arguments, reqest_headers={})
    assert gateway.received == []


def test_24_a_misspelt_field_is_refused():
    with pytest.raises(ValueError, match=r"max_tokns.*did you mean 'max_tokens'"):
        data_types.FilteredCompletionV2Request(prompt="hi", max_tokns=1)
    with pytest.raises(ValueError, match="lables"):
        data_types.CreateBatchCompletionsModelConfig(model="m", lables={})
    with pytest.raises(ValueError, match="temperature"):
        data_types.CreateBatchCompletionsRequestContent(prompts=[], max_new_tokens=1, temperature=1.5)


@pytest.mark.parametrize("value", [data_types.GpuType.NVIDIA_HOPPER_H100, data_types.GpuType("nvidia-of-tomorrow")])
def test_enums_are_copied_and_pickled_with_values_of_newer_servers(value):
    for again in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):  # noqa: S301 - our own
        assert again == value
        assert type(again) is data_types.GpuType
