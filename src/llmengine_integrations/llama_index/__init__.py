"""LLM Engine for LlamaIndex: a language model, a fine-tuning engine with its handler, and a file reader.

Names are imported on first use, because importing any part of LlamaIndex loads all of its core, which takes more than a second. Install
the extra: `pip install "llmengine-integrations[llama-index]"`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if find_spec("llama_index") is None or find_spec("llama_index.core") is None:
    raise ImportError(
        'The LlamaIndex adapter needs llama-index-core: pip install "llmengine-integrations[llama-index]"'
    )

if TYPE_CHECKING:
    from ._tools import ToolCallError
    from .callbacks import LLMEngineFineTuningHandler
    from .fine_tuning import LLMEngineFinetuneEngine
    from .llm import LLMEngine
    from .reader import LLMEngineFileReader

__all__ = ["LLMEngine", "LLMEngineFileReader", "LLMEngineFineTuningHandler", "LLMEngineFinetuneEngine", "ToolCallError"]

_MODULES = {
    "LLMEngine": ".llm",
    "LLMEngineFileReader": ".reader",
    "LLMEngineFineTuningHandler": ".callbacks",
    "LLMEngineFinetuneEngine": ".fine_tuning",
    "ToolCallError": "._tools",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
