"""What a model can be loaded from, as `--model NAME=SOURCE` and `EmbeddedEngine(models={name: source})` take it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from llmengine_integrations.cli import main
from llmengine_integrations.engine import EmbeddedEngine, EngineConfigError
from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH, EngineConfig
from llmengine_integrations.engine.model_source import HuggingFaceFolder, parse_source

pytestmark = pytest.mark.engine

ONLY_FOLDERS = "Only Hugging Face folders are served so far: give a folder"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("http://127.0.0.1:8000/v1#llama", "the URL of a server"),
        ("HTTPS://models.example/v1", "the URL of a server"),
        ("s3://bucket/model", "a URL"),
        ("hf://org/repo", "a URL"),
        ("llama.gguf", "a GGUF file"),
        ("models/llama.Q4_K_M.GGUF", "a GGUF file"),
        ("/models/llama.gguf", "a GGUF file"),
        (Path("llama.gguf"), "a GGUF file"),
        ("there.gguf", "a GGUF file"),
        ("there.safetensors", "a file"),
        ("org/repo", "a model id of the Hugging Face hub, and no such folder is here"),
        ("meta-llama/Llama-3.2-1B@main", "a model id of the Hugging Face hub, and no such folder is here"),
        ("org/repo@refs/pr/1:llama-q4.gguf", "a model id of the Hugging Face hub, and no such folder is here"),
        ("org/repo:llama.gguf", "a model id of the Hugging Face hub, and no such folder is here"),
    ],
)
def test_other_kinds_of_sources_are_recognised_and_refused(source, kind, tmp_path):
    for name in ("there.gguf", "there.safetensors"):
        (tmp_path / name).touch()
    expected = f"model m: {source} looks like {kind}. {ONLY_FOLDERS}"
    with pytest.raises(EngineConfigError) as caught:
        EmbeddedEngine({"m": source})
    result = CliRunner().invoke(main, ["serve", "--model", f"m={source}"])
    assert str(caught.value) == expected
    assert (result.exit_code, result.output) == (1, f"Error: {expected}\n")


def test_the_password_of_a_server_is_not_shown():
    with pytest.raises(EngineConfigError, match="model m: http://host:8000/v1 looks like the URL of a server"):
        EmbeddedEngine({"m": "http://user:pass@word@host:8000/v1"})


@pytest.mark.parametrize("folder", ["org/repo", "llama.gguf", "org/repo:x.gguf", "http:"])
def test_a_folder_is_a_folder_whatever_its_name(folder, tmp_path):
    (tmp_path / folder).mkdir(parents=True)
    assert parse_source(folder) == HuggingFaceFolder(path=tmp_path / folder)


def test_a_path_may_begin_with_the_home_folder(tmp_path):
    assert parse_source("~/llama").path == tmp_path / "llama"
    with pytest.raises(EngineConfigError, match=f"model m: {tmp_path}/llama is not a folder"):
        EmbeddedEngine({"m": "~/llama"})


@pytest.mark.parametrize(
    "path", ["/no/such/folder", "./org/repo", "../repo", "name", "a/b/c", "C:\\models\\llama", "x" * 5000]
)
def test_a_folder_that_is_missing(path):
    with pytest.raises(EngineConfigError, match=r"^model m: .*is not a folder$"):
        EmbeddedEngine({"m": path})


@pytest.mark.parametrize("source", ["", "a\0b", None, 7, ["x"], b"\xff"])
def test_what_is_not_a_path(source):
    with pytest.raises(EngineConfigError, match=r"^model m: .* is not the path of a folder$"):
        EmbeddedEngine({"m": source})


def test_sources_travel_as_json():
    config = EngineConfig(models={"a": DEFAULT_MODEL_PATH, "b": "some/where/else"})
    assert EngineConfig.model_validate_json(config.model_dump_json()) == config
