"""The embedded engine: LLM Engine's HTTP API, served on this machine from a real model.

Needs the extra `engine` to run (`pip install 'llmengine-integrations[engine]'`), not to import: this package loads neither torch nor
transformers nor the HTTP server until an engine starts, and the engine starts in a process of its own.

    with EmbeddedEngine() as engine:
        Client(base_url=engine.base_url, api_key=engine.api_key)
"""

from .config import DEFAULT_MODEL_NAME, DataFolderError, EngineConfigError, EngineStartError
from .embedded import EmbeddedEngine

__all__ = ["DEFAULT_MODEL_NAME", "DataFolderError", "EmbeddedEngine", "EngineConfigError", "EngineStartError"]
