"""Our LlamaIndex model."""

from __future__ import annotations

from typing import Any

import _replies

from contenders import llama_index_floor


class Contender(llama_index_floor.Contender):
    """Ours."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._models: dict[int | None, Any] = {}

    def model(self, stream: int | None = None) -> Any:
        if stream not in self._models:
            name = _replies.MODEL if stream is None else _replies.stream_model("coalesced", stream)
            self._models[stream] = self._made(name)
        return self._models[stream]

    def _made(self, name: str) -> Any:
        from llmengine_integrations.llama_index import LLMEngine  # noqa: PLC0415 - the peers' environment has it not

        return LLMEngine(model=name, base_url=self._url, api_key="key", is_chat_model=False, max_new_tokens=1000)
