"""Upstream's published client, in an environment of its own, drives the engine unchanged."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from llmengine_integrations.engine import EmbeddedEngine

pytestmark = [pytest.mark.engine, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("UPSTREAM_PYTHON", ROOT / ".venv-upstream" / "bin" / "python"))
CALLS = Path(__file__).parent / "upstream_calls.py"
BATCH = ["Completion.batch_create", "Completion.batch_create v2"]


@pytest.fixture(scope="module")
def replies(tmp_path_factory):
    if not PYTHON.exists():
        pytest.skip("upstream's client is not installed; `make upstream` does it")
    folder = tmp_path_factory.mktemp("upstream")
    training = folder / "training.csv"
    training.write_text("prompt,response\n" + "".join(f"Number {i} is,the number {i}\n" for i in range(40)))
    with EmbeddedEngine(aliases=["llama-2-7b"], allow_paths=[folder]) as engine:
        done = subprocess.run(  # noqa: S603 - the interpreter that make upstream made
            [PYTHON, CALLS, training, folder / "batch"],
            env={
                "LLM_ENGINE_BASE_PATH": engine.base_url,
                "SCALE_API_KEY": engine.api_key,
                "LLM_ENGINE_DISABLE_VERSION_CHECK": "1",
            },
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
    found = {row["call"]: row["reply"] for row in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 0, f"after {list(found)[-1:]}: {done.stderr[-3000:]}"
    return found | {"folder": folder}


def test_completions(replies):
    whole = replies["Completion.create"]["output"]
    assert whole["num_completion_tokens"] == 5
    assert replies["Completion.acreate"]["output"]["text"] == whole["text"]
    for call in ("Completion.create stream", "Completion.acreate stream"):
        assert "".join(chunk["output"]["text"] for chunk in replies[call]) == whole["text"]
    assert replies["Completion.create with options"]["output"]["tokens"][0]["log_prob"] <= 0


def test_guided_completions(replies):
    def text(call):
        return replies[call]["output"]["text"]

    assert isinstance(json.loads(text("guided_json"))["age"], int)
    assert set(text("guided_regex")) <= set("abc")
    assert text("guided_choice") in {"red", "blue"}
    assert text("guided_grammar") in {"yes", "no"}


def test_models(replies):
    assert "llama-2-7b" in [model["name"] for model in replies["Model.list"]["model_endpoints"]]
    assert replies["Model.get"]["name"] == "llama-2-7b"


def test_files(replies):
    uploaded = replies["File.upload"]["id"]
    assert replies["File.get"]["filename"] == "training.csv"
    assert uploaded in [file["id"] for file in replies["File.list"]["files"]]
    assert replies["File.download"]["content"].startswith("prompt,response\n")
    assert replies["File.delete"]["deleted"] is True


def test_fine_tunes(replies):
    job = replies["FineTune.get"]
    assert job["status"] == "SUCCESS"
    assert ".theirs." in job["fine_tuned_model"]
    assert job["id"] in [listed["id"] for listed in replies["FineTune.list"]["jobs"]]
    assert any("'loss'" in event["message"] for event in replies["FineTune.get_events"]["events"])
    assert replies["Completion.create tuned"]["output"]["text"]
    assert "adapter_config.json" in replies["Model.download"]["urls"]
    assert replies["Model.delete"]["deleted"] is True
    assert replies["FineTune.cancel"]["success"] is True


def test_batches(replies):
    assert all(replies[call]["job_id"] for call in BATCH)
    assert replies["Completion.get_batch_completion"]["job"]["status"] == "completed"
    assert replies["Completion.cancel_batch_completion"]
    assert (replies["folder"] / "batch.v2").exists()
