"""LLM Engine for LangChain and LlamaIndex.

This package itself holds the client; the adapters and the embedded engine are imported by name, so that nobody loads a framework in vain:
`llmengine_integrations.langchain`, `llmengine_integrations.llama_index`, `llmengine_integrations.engine`.
"""

from . import errors
from ._version import __version__
from .core._timeouts import Timeout
from .core.client import API_KEY_VARIABLE, BASE_URL_VARIABLES, AsyncClient, Client
from .core.clients import Clients

__all__ = [
    "API_KEY_VARIABLE",
    "BASE_URL_VARIABLES",
    "AsyncClient",
    "Client",
    "Clients",
    "Timeout",
    "__version__",
    "errors",
]
