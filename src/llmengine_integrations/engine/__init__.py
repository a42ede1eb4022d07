"""The embedded engine: LLM Engine's HTTP API, served on this machine from a real model.

Running it needs the extra `engine` (`pip install 'llmengine-integrations[engine]'`); importing this package does not. It loads neither
torch nor transformers nor the HTTP server until an engine starts, and the engine starts in its own process.

    with EmbeddedEngine() as engine:
        Client(base_url=engine.base_url, api_key=engine.api_key)
"""

from .config import DEFAULT_MODEL_NAME, DataFolderError, EngineConfigError, EngineStartError
from .embedded import EmbeddedEngine

__all__ = ["DEFAULT_MODEL_NAME", "DataFolderError", "EmbeddedEngine", "EngineConfigError", "EngineStartError"]
