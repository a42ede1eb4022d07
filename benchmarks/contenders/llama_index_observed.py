"""Our LlamaIndex model while somebody looks: LlamaIndex makes its events, for each token too."""

from __future__ import annotations

from typing import Any

from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler

from contenders import llama_index_ours


class _Looking(BaseEventHandler):
    def handle(self, event: Any, **_: Any) -> None:
        """Look at it, and do nothing."""


class Contender(llama_index_ours.Contender):
    """Ours, observed."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        get_dispatcher().add_event_handler(_Looking())
