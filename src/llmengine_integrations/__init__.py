"""LLM Engine for LangChain and LlamaIndex.

This package itself contains the client. Import the adapters and the embedded engine by name; so a framework is loaded only if you use it:
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
