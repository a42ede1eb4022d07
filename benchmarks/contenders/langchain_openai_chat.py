"""langchain-openai's chat model."""

from __future__ import annotations

from typing import Any

from langchain_openai import ChatOpenAI

from contenders import langchain_openai_llm


class Contender(langchain_openai_llm.Contender):
    """Theirs."""

    kind = ChatOpenAI

    def read(self, answer: Any) -> str:
        return answer.content
