"""Upstream's own client, as its users know it, over this package's: `Completion`, `FineTune`, `Model` and `File`.

A program that says `from llmengine import ...` runs with `from llmengine_integrations.compat import ...`. New programs want
`llmengine_integrations.Client`: that has no settings of the whole process, and reaches more.

Where upstream's client fails this one does not, so some things differ: errors have more types and say more (`compat.errors` has upstream's
names); a stream that ends too early raises; names are encoded; misspelt arguments are refused; calls are tried again where that is safe;
every call has an awaited twin (`Model.aget`) and takes `request_headers`. Importing it asks nobody for new versions, so
`LLM_ENGINE_DISABLE_VERSION_CHECK` has nothing to turn off.
"""

from __future__ import annotations

from . import data_types, errors
from .api_engine import get_api_key, get_base_path, set_api_key, set_base_path
from .completion import Completion
from .data_types import *  # noqa: F403 - upstream has most of them here as well
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
