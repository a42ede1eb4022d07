"""Our LangChain model while a handler listens: LangChain tells it of each token and makes a run of each prompt."""

from __future__ import annotations

from langchain_core.callbacks import BaseCallbackHandler

from contenders import langchain_ours


class _Listening(BaseCallbackHandler):
    run_inline = True
    """Under asyncio a handler that says nothing else is called in a thread, for each token."""


class Contender(langchain_ours.Contender):
    """Ours, observed."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._model = self._model.model_copy(update={"callbacks": [_Listening()]})
