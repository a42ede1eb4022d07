"""LangChain itself: a completion model that returns a constant, without any network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import _replies
from _worker import Work
from langchain_core.language_models.llms import BaseLLM
from langchain_core.outputs import Generation, GenerationChunk, LLMResult


class _Constant(BaseLLM):
    tokens: int = _replies.SHORT

    @property
    def _llm_type(self) -> str:
        return "constant"

    def _generate(self, prompts: list[str], *_: Any, **__: Any) -> LLMResult:
        return LLMResult(generations=[[Generation(text=_replies.text(self.tokens))] for _ in prompts])

    async def _agenerate(self, prompts: list[str], *_: Any, **__: Any) -> LLMResult:
        return self._generate(prompts)

    def _stream(self, prompt: str, stop: Any = None, run_manager: Any = None, **_: Any) -> Iterator[GenerationChunk]:
        del prompt, stop
        for _number in range(self.tokens):
            chunk = GenerationChunk(text=_replies.WORD)
            run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self, prompt: str, stop: Any = None, run_manager: Any = None, **_: Any
    ) -> AsyncIterator[GenerationChunk]:
        del prompt, stop
        for _number in range(self.tokens):
            chunk = GenerationChunk(text=_replies.WORD)
            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk


class Contender:
    """A model that is asked in every way."""

    def __init__(self, url: str) -> None:
        del url

    def model(self, stream: int | None = None) -> Any:
        """The model; for streams of so many tokens if told."""
        return _Constant(tokens=stream or _replies.SHORT)

    def read(self, answer: Any) -> str:
        """The text of an answer or of a chunk."""
        return answer

    def invoke(self, work: Work) -> None:
        model = self.model()
        for _ in range(work.count):
            _replies.check(self.read(model.invoke(_replies.PROMPT)))

    def stream(self, work: Work) -> None:
        model = self.model(work.tokens)
        for _ in range(work.count):
            _replies.check("".join([self.read(chunk) for chunk in model.stream(_replies.PROMPT)]), work.tokens)

    async def astream(self, work: Work) -> None:
        model = self.model(work.tokens)
        for _ in range(work.count):
            texts = [self.read(chunk) async for chunk in model.astream(_replies.PROMPT)]
            _replies.check("".join(texts), work.tokens)

    async def abatch(self, work: Work) -> None:
        model = self.model()
        for _ in range(work.count // work.concurrency):
            prompts = [_replies.PROMPT] * work.concurrency
            answers = await asyncio.gather(model.abatch(prompts, config={"max_concurrency": work.concurrency}))
            for answer in answers[0]:
                _replies.check(self.read(answer))
