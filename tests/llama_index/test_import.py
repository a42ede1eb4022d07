"""Importing the adapter: lazily, and with a clear word when LlamaIndex is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import llmengine_integrations.llama_index as adapter


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603


def test_names():
    assert set(adapter.__all__) <= set(dir(adapter))
    for name in adapter.__all__:
        assert getattr(adapter, name).__name__ == name
    with pytest.raises(AttributeError, match="LLMEngin"):
        adapter.LLMEngin  # noqa: B018 - the access is the test


@pytest.mark.parametrize("module", ["llmengine_integrations", "llmengine_integrations.llama_index"])
def test_llama_index_loads_when_a_name_is_used(module):
    code = f"import sys, {module}; print([name for name in sys.modules if name.startswith('llama_index.core')])"
    assert run(code).stdout.strip() == "[]"


def test_the_adapter_loads_no_other_framework():
    code = (
        "import sys; from llmengine_integrations.llama_index import LLMEngine; "
        "print([name for name in ('langchain_core', 'torch', 'transformers', 'openai') if name in sys.modules])"
    )
    assert run(code).stdout.strip() == "[]"


@pytest.mark.parametrize(
    "statement",
    ["from llmengine_integrations.llama_index import LLMEngine", "import llmengine_integrations.llama_index.llm"],
)
def test_without_llama_index(statement):
    result = run(f"import sys; sys.modules['llama_index'] = None\n{statement}")
    assert result.returncode == 1
    expected = (
        'ImportError: The LlamaIndex adapter needs llama-index-core: pip install "llmengine-integrations[llama-index]"'
    )
    assert expected in result.stderr
