"""llama-index-llms-openai-like."""

from __future__ import annotations

from typing import Any

from llama_index.llms.openai_like import OpenAILike

from contenders import llama_index_ours


class Contender(llama_index_ours.Contender):
    """Theirs."""

    def _made(self, name: str) -> Any:
        return OpenAILike(model=name, api_base=f"{self._url}/v1", api_key="key", is_chat_model=False, max_tokens=10)
