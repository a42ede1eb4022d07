"""langchain-openai's completion model."""

from __future__ import annotations

from typing import Any

import _replies
from langchain_openai import OpenAI

from contenders import langchain_floor


class Contender(langchain_floor.Contender):
    """Theirs."""

    kind: type[Any] = OpenAI

    def __init__(self, url: str) -> None:
        self._url = f"{url}/v1"
        self._models: dict[int | None, Any] = {}

    def model(self, stream: int | None = None) -> Any:
        if stream not in self._models:
            name = _replies.MODEL if stream is None else _replies.stream_model("coalesced", stream)
            self._models[stream] = self.kind(model=name, base_url=self._url, api_key="key")
        return self._models[stream]
