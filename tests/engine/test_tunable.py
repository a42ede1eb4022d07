"""Fine-tunes whose adapters could not be served are refused when they are created, and long requests by every family."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Thread

import httpx
import pytest
from pydantic import SecretStr

from llmengine_integrations import Client, errors
from llmengine_integrations.engine.config import EngineConfig
from llmengine_integrations.engine.store import Job
from llmengine_integrations.engine.tuning import process
from llmengine_integrations.engine.tuning.hyperparameters import Hyperparameters
from llmengine_integrations.engine.tuning.training_folder import JobSettings

from .fakes import eventually, running
from .tiny_folders import tiny_family

pytest.importorskip("torch")
pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

ROWS = b"prompt,response\n" + b"".join(b"Q%d, A%d.\n" % (number, number) for number in range(8))
ATTENTION = ["q_proj", "v_proj"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("families")
    models = {name: tiny_family(name, root / name) for name in ("mixtral", "gpt2", "mpt", "qwen2-moe")}
    config = EngineConfig(models=models, port=0, api_key=SecretStr("key"), threads=1)
    with running(config) as (url, server):
        assert eventually(lambda: httpx.get(f"{url}/readyz").status_code == 200, 120)
        yield url, server


@pytest.fixture(scope="module")
def client(server):
    with Client(base_url=server[0], api_key="key", max_retries=0, timeout=120) as client:
        yield client


def create(client: Client, model: str, **peft_config: object) -> str:
    file = client.files.upload(ROWS, filename="rows.csv").id
    parameters = {"epochs": 1, "peft_config": peft_config} if peft_config else {"epochs": 1}
    return client.fine_tunes.create(model, file, suffix="t", hyperparameters=parameters).id


@pytest.mark.parametrize(
    ("model", "targets", "reason"),
    [
        ("mixtral", None, "it would change model.layers.0.mlp.experts, "),
        ("mixtral", "all-linear", "it would change model.layers.0.mlp.experts, "),
        ("mixtral", ["gate"], "it would change model.layers.0.mlp.gate, "),
        ("mixtral", ["experts"], "Target module MixtralExperts.* is not supported"),
        ("mixtral", ["w1"], "names 'w1', and the model has no such layer"),
        ("mixtral", ["q_proj", "nothing"], "names 'nothing', and the model has no such layer"),
        ("mixtral", ["proj"], "names 'proj', and the model has no such layer"),
        ("mixtral", [""], "names '', and the model has no such layer"),
        ("mixtral", [], "is an empty list"),
        ("mixtral", ["embed_tokens"], "it would change model.embed_tokens"),
        ("mixtral", ["self_attn"], "peft cannot train these target_modules"),
        ("mixtral", ["input_layernorm"], "peft cannot train these target_modules"),
        ("mixtral", "q_proj", "fits the full name of no layer"),
        ("mixtral", "(q_proj", "pattern .* cannot be used"),
        ("mixtral", "((model.*)*)*!", "pattern .* cannot be used|fits the full name of no layer"),
        ("mixtral", r".*\.self_attn", "peft cannot train these target_modules"),
        ("gpt2", ["wte"], "it would change transformer.wte"),
        ("gpt2", ["q_proj"], r"no such layer.*\. The names .* are c_attn, c_fc, c_proj, lm_head\."),
        ("qwen2-moe", ["gate"], "Target module Qwen2MoeTopKRouter.* is not supported"),
    ],
)
def test_what_could_not_be_served_is_not_trained(client, model, targets, reason):
    before = len(client.fine_tunes.list())
    with pytest.raises(errors.BadRequestError, match=rf"The fine-tuned {model} could not be served: .*({reason})"):
        create(client, model, **({} if targets is None else {"target_modules": targets}))
    assert len(client.fine_tunes.list()) == before


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("mixtral", {"target_modules": r".*\.1\.self_attn\.(k|o)_proj"}),
        ("qwen2-moe", {"target_modules": [*ATTENTION, "shared_expert_gate"]}),
        ("gpt2", {}),
        ("mpt", {}),
    ],
)
def test_what_can_be_served_is_accepted(client, model, options):
    assert client.fine_tunes.cancel(create(client, model, **options)).success


@pytest.mark.parametrize(
    ("model", "options"),
    [("mixtral", {"target_modules": ATTENTION, "r": 4}), ("gpt2", {"target_modules": ["lm_head", "c_attn"]})],
)
def test_what_can_be_served_is_trained_and_served(client, model, options):
    job = client.fine_tunes.wait(create(client, model, **options), timeout=200)
    made = client.completions.create(job.fine_tuned_model, "Q1", max_new_tokens=4, temperature=0)
    assert made.output.num_completion_tokens
    client.models.delete(job.fine_tuned_model)


def test_a_result_that_cannot_be_served_after_all_says_why(server, client, monkeypatch):
    async def refuse(*_: object, **__: object) -> None:
        raise ValueError("m.safetensors is not what it should be")

    monkeypatch.setattr(process, "_COMMAND", (sys.executable, str(Path(__file__).with_name("fake_trainer.py"))))
    monkeypatch.setattr(server[1]._engine.runtimes, "load_adapter", refuse)
    with pytest.raises(errors.JobFailedError, match="is not what it should be") as caught:
        client.fine_tunes.wait(create(client, "gpt2"), timeout=100)
    assert "m.safetensors is not what it should be" in caught.value.events[-1].message


def test_a_job_from_before_this_model_is_not_trained_either(server, client):
    """An engine may be started again with another model under a name, and go on with the jobs that wait."""
    tuner = server[1]._engine.tuner
    store = tuner._fine_tunes
    with store.prepare() as folder:
        JobSettings(name="mixtral.old", base="mixtral", hyperparameters=Hyperparameters()).write(folder)
        job: Job = store.add(folder, base="mixtral", fine_tuned_model="mixtral.old")
    server[1]._engine.runtimes._runtimes[0]._loop.call_soon_threadsafe(tuner.submit, job)
    assert eventually(lambda: client.fine_tunes.get(job.id).status == "FAILURE", 60)
    (event,) = client.fine_tunes.events(job.id)
    assert event.message.startswith("The fine-tuned model could not be served: it would change model.layers.0.mlp")


@pytest.mark.parametrize(("model", "context"), [("mpt", 256), ("gpt2", 128), ("mixtral", 256)])
def test_a_prompt_that_is_too_long_gets_a_400(client, model, context):
    with pytest.raises(errors.BadRequestError, match=f"maximum context length is {context} tokens"):
        client.completions.create(model, "a b " * 400, max_new_tokens=5)


def test_a_text_that_reaches_the_end_of_the_context_ends_there_and_harms_nobody(client):
    found: dict[str, int] = {}

    def ask(name: str, prompt: str, tokens: int) -> None:
        reply = client.completions.create(
            "mpt", prompt, max_new_tokens=tokens, temperature=0, guided_regex="[a-z ]{900}"
        )
        found[name] = reply.output.num_completion_tokens

    asked = [("short", "Hello", 60), ("other", "a", 60), ("long", "a b " * 61, 200)]
    threads = [Thread(target=ask, args=each) for each in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found["short"], found["other"]) == (60, 60)
    assert 0 < found["long"] < 200
