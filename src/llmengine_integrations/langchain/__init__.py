"""LLM Engine's models for LangChain: `LLMEngine`, a completion model, and `ChatLLMEngine`, a chat model.

Names are loaded at first use, so importing one part does not load the others. Needs the extra:
`pip install "llmengine-integrations[langchain]"`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

try:
    import_module("langchain_core")  # reports a missing library more clearly than the modules below would
except ImportError as error:
    raise ImportError(
        'The LangChain adapter needs langchain-core: pip install "llmengine-integrations[langchain]"'
    ) from error

if TYPE_CHECKING:
    from .callbacks import (
        AsyncTokenStreamCallbackHandler,
        FineTuneDatasetCallbackHandler,
        LLMEngineUsageCallbackHandler,
        TokenStreamCallbackHandler,
        get_llmengine_usage_callback,
    )
    from .chat_model import ChatLLMEngine
    from .document_loader import LLMEngineFileLoader
    from .llm import LLMEngine

__all__ = [
    "AsyncTokenStreamCallbackHandler",
    "ChatLLMEngine",
    "FineTuneDatasetCallbackHandler",
    "LLMEngine",
    "LLMEngineFileLoader",
    "LLMEngineUsageCallbackHandler",
    "TokenStreamCallbackHandler",
    "get_llmengine_usage_callback",
]

_MODULES = {
    "AsyncTokenStreamCallbackHandler": ".callbacks",
    "ChatLLMEngine": ".chat_model",
    "FineTuneDatasetCallbackHandler": ".callbacks",
    "LLMEngine": ".llm",
    "LLMEngineFileLoader": ".document_loader",
    "LLMEngineUsageCallbackHandler": ".callbacks",
    "TokenStreamCallbackHandler": ".callbacks",
    "get_llmengine_usage_callback": ".callbacks",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
