"""Tries an installed package in an environment that has one of its extras: `python smoke.py EXTRA`."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import llmengine_integrations
from llmengine_integrations import AsyncClient, Client, compat, datasets, errors

ADAPTERS = {"langchain": "langchain", "llama-index": "llama_index"}
PROMPT = "Context: Maria Lopez is 34 years old.\n\nQuestion: How old is Maria Lopez?\nAnswer:"


def everywhere() -> None:
    """What needs no extra."""
    folder = Path(llmengine_integrations.__file__).parent
    assert "site-packages" in folder.parts, folder
    assert (folder / "py.typed").exists()
    assert version("llmengine-integrations") == llmengine_integrations.__version__
    assert AsyncClient().base_url == Client().base_url
    assert compat.Completion
    rows = datasets.TrainingFile("train.csv")
    assert rows.append([("a", "b")]) == 1
    try:
        Client("http://127.0.0.1:1", max_retries=0).models.list()
    except errors.APIConnectionError as error:
        assert "llmengine serve" in str(error)
    command = Path(sys.executable).parent / "llmengine"
    said = subprocess.run([command, "--help"], capture_output=True, text=True, check=True).stdout  # noqa: S603 - ours
    assert "serve" in said


def adapters(extra: str) -> None:
    """Adapters load all their names where they can, and say what to install where they cannot."""
    for name, module in ADAPTERS.items():
        try:
            adapter = importlib.import_module(f"llmengine_integrations.{module}")
        except ImportError as error:
            assert extra not in (name, "all"), error
            assert f'pip install "llmengine-integrations[{name}]"' in str(error)
        else:
            assert extra in (name, "all")
            assert all(getattr(adapter, one) for one in adapter.__all__)
            assert adapter.LLMEngine(model="m").model == "m"


def engine(extra: str) -> None:
    """The engine answers, through the adapters where they are there; without its extra it says what to install."""
    from llmengine_integrations.engine import EmbeddedEngine, EngineConfigError  # noqa: PLC0415 - one thing at a time

    if extra not in ("engine", "all"):
        try:
            EmbeddedEngine()
        except EngineConfigError as error:
            assert "llmengine-integrations[engine]" in str(error)
            return
        raise AssertionError("an engine without torch")
    with EmbeddedEngine() as running, Client(running.base_url, running.api_key) as client:
        options = {"temperature": 0, "max_new_tokens": 16}
        answer = client.completions.create(running.models[0], PROMPT, **options).output.text
        assert "34" in answer, answer
        if extra == "all":
            for module in ADAPTERS.values():
                model = importlib.import_module(f"llmengine_integrations.{module}").LLMEngine
                llm = model(model=running.models[0], base_url=running.base_url, api_key=running.api_key, **options)
                said = llm.invoke(PROMPT) if module == "langchain" else llm.complete(PROMPT, formatted=True).text
                assert said == answer, said


if __name__ == "__main__":
    everywhere()
    adapters(sys.argv[1])
    engine(sys.argv[1])
