"""LlamaIndex itself: a custom model that returns a constant, without any network."""

from __future__ import annotations

from typing import Any

import _replies
from _worker import Work, crowd
from llama_index.core.llms import CompletionResponse, CompletionResponseGen, CustomLLM, LLMMetadata
from llama_index.core.llms.callbacks import llm_completion_callback


class _Constant(CustomLLM):
    tokens: int = _replies.SHORT

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata()

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:
        del prompt, formatted
        return CompletionResponse(text=_replies.text(self.tokens))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponseGen:
        del prompt, formatted

        def responses() -> CompletionResponseGen:
            text = ""
            for _number in range(self.tokens):
                text += _replies.WORD
                yield CompletionResponse(text=text, delta=_replies.WORD)

        return responses()


class Contender:
    """A model that is asked in every way."""

    def __init__(self, url: str) -> None:
        del url

    def model(self, stream: int | None = None) -> Any:
        """The model; for streams of so many tokens if told."""
        return _Constant(tokens=stream or _replies.SHORT)

    def complete(self, work: Work) -> None:
        model = self.model()
        for _ in range(work.count):
            _replies.check(model.complete(_replies.PROMPT).text)

    def stream_complete(self, work: Work) -> None:
        model = self.model(work.tokens)
        for _ in range(work.count):
            deltas = [response.delta or "" for response in model.stream_complete(_replies.PROMPT)]
            _replies.check("".join(deltas), work.tokens)

    async def acomplete(self, work: Work) -> None:
        model = self.model()

        async def one() -> None:
            _replies.check((await model.acomplete(_replies.PROMPT)).text)

        await crowd(one, work)
