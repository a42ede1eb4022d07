"""Our LangChain completion model."""

from __future__ import annotations

from typing import Any

import _replies

from contenders import langchain_floor
from llmengine_integrations.langchain import LLMEngine


class Contender(langchain_floor.Contender):
    """Ours."""

    def __init__(self, url: str) -> None:
        self._model = LLMEngine(
            model=_replies.MODEL, base_url=url, api_key="key", max_new_tokens=10_000, max_concurrency=256
        )
        self._streaming: dict[int, Any] = {}

    def model(self, stream: int | None = None) -> Any:
        if stream is None:
            return self._model
        if stream not in self._streaming:
            named = {"model": _replies.stream_model("coalesced", stream)}
            self._streaming[stream] = self._model.model_copy(update=named)
        return self._streaming[stream]
