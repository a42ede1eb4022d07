"""Importing the adapter: lazily, and with a clear word when LangChain is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import llmengine_integrations.langchain as adapter


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603


def test_names():
    assert set(adapter.__all__) <= set(dir(adapter))
    for name in adapter.__all__:
        assert getattr(adapter, name).__name__ == name
    with pytest.raises(AttributeError, match="LLMEngin"):
        adapter.LLMEngin  # noqa: B018 - the access is the test


def test_models_load_when_they_are_used():
    code = "import sys, llmengine_integrations.langchain; print('langchain_core.language_models.llms' in sys.modules)"
    assert run(code).stdout.strip() == "False"


@pytest.mark.parametrize(
    "statement",
    ["from llmengine_integrations.langchain import LLMEngine", "import llmengine_integrations.langchain.llm"],
)
def test_without_langchain(statement):
    result = run(f"import sys; sys.modules['langchain_core'] = None\n{statement}")
    assert result.returncode == 1
    assert (
        'ImportError: The LangChain adapter needs langchain-core: pip install "llmengine-integrations[langchain]"'
        in (result.stderr)
    )
