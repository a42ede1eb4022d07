"""Upstream's own client API, based on this package's client: `Completion`, `FineTune`, `Model` and `File`.

A program that says `from llmengine import ...` runs with `from llmengine_integrations.compat import ...`. New programs should use
`llmengine_integrations.Client`, which has no process-wide settings, and supports more.

Some things differ, because this client does not fail where upstream's does. Errors have more types and say more (`compat.errors` has
upstream's names). A stream that ends too early raises an error. Names are encoded. Misspelt arguments are refused. Calls are retried
where that is safe. Every call has an async version (`Model.aget`) and accepts `request_headers`. Importing it does not check for new
versions, so `LLM_ENGINE_DISABLE_VERSION_CHECK` has no effect.
"""

from __future__ import annotations

from . import data_types, errors
from .api_engine import get_api_key, get_base_path, set_api_key, set_base_path
from .completion import Completion
from .data_types import *  # noqa: F403 - upstream has most of them here too
from .file import File
from .fine_tuning import FineTune
from .model import Model

__all__ = [
    "Completion",
    "File",
    "FineTune",
    "Model",
    "errors",
    "get_api_key",
    "get_base_path",
    "set_api_key",
    "set_base_path",
]
__all__ += data_types.__all__
