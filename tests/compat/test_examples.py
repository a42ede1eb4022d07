"""Upstream's examples, each run with nothing changed but its import line: against recorded replies, and against the embedded engine."""

from __future__ import annotations

import csv
import json
import warnings

import pytest

from compat.examples import EXAMPLES
from llmengine_integrations import compat

TRAIN = b"prompt,response\nhello,world\nfoo,caf\xc3\xa9\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.csv").write_bytes(TRAIN)
    return tmp_path


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_recorded(example, gateway, capsys):
    gateway.answers(*example.answers)
    with warnings.catch_warnings(record=True, action="always") as warned:
        example.run()
    assert [(one.filename, example.warns in str(one.message)) for one in warned] == (
        [(example.name, True)] if example.warns else []
    )
    assert capsys.readouterr().out == example.prints
    assert [(sent.method, sent.target) for sent in gateway.received] == [sends[:2] for sends in example.sends]
    for sent, (_, _, body) in zip(gateway.received, example.sends, strict=True):
        if body is not None:
            assert sent.json == body


@pytest.mark.engine
@pytest.mark.parametrize("example", [one for one in EXAMPLES if one.on_engine], ids=str)
def test_on_the_engine(example, engine, monkeypatch, capsys):
    monkeypatch.setenv("LLM_ENGINE_BASE_PATH", engine.base_url)
    monkeypatch.setenv("SCALE_API_KEY", engine.api_key)
    example.run()
    printed = capsys.readouterr().out
    assert printed.strip()
    assert "status_code" not in printed
    for line in printed.splitlines():
        if line.startswith('{"request_id"'):
            assert json.loads(line)["output"]["num_completion_tokens"] > 0


@pytest.mark.engine
def test_the_engine_lists_its_models_to_upstreams_names(engine, monkeypatch):
    compat.set_base_path(engine.base_url)
    compat.set_api_key(engine.api_key)
    assert "llama-2-7b" in {model.name for model in compat.Model.list().model_endpoints}
    assert compat.Model.get("llama-2-7b").status == "READY"


def test_the_training_data_can_be_uploaded_and_is_fit(gateway, folder):
    next(one for one in EXAMPLES if one.name == "training-data").run()
    with (folder / "customer_service_data.csv").open(newline="") as file:
        assert [len(row) for row in csv.reader(file)] == [2] * 6
    gateway.answers("129-files-upload-ok")
    with open("customer_service_data.csv", "r") as file:  # noqa: PTH123, UP015 - as upstream's users write it
        assert compat.File.upload(file).id == "file-ff6f658bebfc44a"
    assert (folder / "customer_service_data.csv").read_bytes() in gateway.sent.body
    assert b'name="file"; filename="customer_service_data.csv"' in gateway.sent.body


def test_an_upload_sends_the_file_as_it_is(gateway):
    gateway.answers("129-files-upload-ok")
    next(one for one in EXAMPLES if one.name == "file-upload").run()
    assert TRAIN in gateway.sent.body
