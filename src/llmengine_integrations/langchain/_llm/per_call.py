"""LangChain's `BaseLLM` without two of its traps, and without the cost of a run that nobody hears of.

* Its cache does not look at the options of a call, and so answers `invoke(prompt, temperature=1)` with what it kept for
  `invoke(prompt, temperature=0)`: https://github.com/langchain-ai/langchain/issues/40403.
* Its `batch` makes one run of all prompts: an error of one is raised, or returned, for each of them, and tokens are counted for the first.
* What it does around a call is for handlers, tracers and the cache: 60 us a call and 2 us a token, without effect where there are none.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from typing import Annotated, Any, NamedTuple, Self, cast
from uuid import uuid4

from langchain_core.callbacks import CallbackManager, Callbacks
from langchain_core.globals import get_llm_cache
from langchain_core.language_models.base import LanguageModelInput
from langchain_core.language_models.llms import BaseLLM
from langchain_core.outputs import GenerationChunk, LLMResult, RunInfo
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, get_config_list
from pydantic import AliasChoices, BeforeValidator, Field, PrivateAttr
from typing_extensions import override

from .._options import as_list, canonical
from .._running.batches import BoundedBatch

_OF_THE_RUN = frozenset({"tags", "metadata", "run_name", "run_id"})
_NO_RUN: dict[str, Any] = dict.fromkeys(
    _OF_THE_RUN | {"callbacks"}
)  # whoever gives one to `batch` gets a TypeError, as from `invoke`


class _Call(NamedTuple):
    stop: list[str] | None
    """The stop strings that hold for it."""
    options: dict[str, Any]
    """Its other options, under their own names."""
    run: dict[str, Any]
    """What it says of its run."""


class PerCallLLM(BoundedBatch[str], BaseLLM):
    """A completion model whose calls are each their own. What `_call_options` holds belongs to `_identifying_params`."""

    stop: Annotated[list[str] | None, BeforeValidator(as_list)] = Field(
        default=None, validation_alias=AliasChoices("stop", "stop_sequences")
    )
    """Strings that end the text, or one string. A call's own replace them."""
    _call_options: Mapping[str, Any] = PrivateAttr(default_factory=dict[str, Any])

    @override
    def generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Complete prompts, at most `max_concurrency` at a time; the first error is raised and ends the rest.

        Takes what LangChain's own `generate` takes, and any option of the model for this call.
        """
        call = self._call(stop, kwargs)
        if self._unseen(prompts, callbacks, call):
            return _with_runs(self._generate(prompts, call.stop, **call.options))
        model = self._knowing(call)
        return super(PerCallLLM, model).generate(prompts, call.stop, callbacks, **call.run, **call.options)

    @override
    async def agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] = None,
        **kwargs: Any,
    ) -> LLMResult:
        """`generate`, awaited."""
        call = self._call(stop, kwargs)
        if self._unseen(prompts, callbacks, call):
            return _with_runs(await self._agenerate(prompts, call.stop, **call.options))
        model = self._knowing(call)
        return await super(PerCallLLM, model).agenerate(prompts, call.stop, callbacks, **call.run, **call.options)

    @override
    def stream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[str]:
        """Complete a prompt, a piece of text at a time."""
        if not self._unheard(ensure_config(config).get("callbacks")):
            yield from super().stream(input, config, stop=stop, **kwargs)
            return
        chunk = None
        for chunk in self._stream(self._convert_input(input).to_string(), stop, **kwargs):
            yield chunk.text
        _check_streamed(chunk)

    @override
    async def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[str]:
        """`stream`, awaited."""
        if not self._unheard(ensure_config(config).get("callbacks")):
            told = cast("AsyncGenerator[str]", super().astream(input, config, stop=stop, **kwargs))
            async with aclosing(told):
                async for text in told:
                    yield text
            return
        prompt = self._convert_input(input).to_string()
        chunk, chunks = None, cast("AsyncGenerator[GenerationChunk]", self._astream(prompt, stop, **kwargs))
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk.text
        _check_streamed(chunk)

    @override
    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        if return_exceptions or (model := self._answering(inputs, config)) is None:
            return super().batch(inputs, config, return_exceptions=return_exceptions, **kwargs)
        prompts = [self._convert_input(given) for given in inputs]
        return _texts(model.generate_prompt(prompts, **_NO_RUN, **kwargs))

    @override
    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        if return_exceptions or (model := self._answering(inputs, config)) is None:
            return await super().abatch(inputs, config, return_exceptions=return_exceptions, **kwargs)
        prompts = [self._convert_input(given) for given in inputs]
        return _texts(await model.agenerate_prompt(prompts, **_NO_RUN, **kwargs))

    def _answering(
        self, inputs: list[LanguageModelInput], config: RunnableConfig | list[RunnableConfig] | None
    ) -> Self | None:
        """The model that may answer a batch in one call, which saves 40 us an input, under the batch's own limit.

        None if each input's run, or its kept answer, is somebody's concern; and if a subclass has its own way to answer one input.
        """
        usual = type(self).invoke is BaseLLM.invoke and type(self).ainvoke is BaseLLM.ainvoke
        if not inputs or not usual or not self._uncached():
            return None
        configs = get_config_list(config, len(inputs))
        callbacks = [one.get("callbacks") for one in configs]
        if not all(map(self._unheard, callbacks if any(callbacks) else [None])):
            return None
        limit = self._limit(configs)
        return self if limit == self.max_concurrency else self.model_copy(update={"max_concurrency": limit})

    def _call(self, stop: list[str] | None, kwargs: Mapping[str, Any]) -> _Call:
        given = dict(kwargs)
        run = {name: given.pop(name) for name in _OF_THE_RUN if name in given}
        options = canonical(stop, given)
        return _Call(options.pop("stop", self.stop), options, run)

    def _unseen(self, prompts: object, callbacks: Callbacks | list[Callbacks], call: _Call) -> bool:
        """Whether LangChain's own way would give the same result, and show nobody more."""
        usual = isinstance(prompts, list) and call.run.get("run_id") is None
        return usual and self._uncached() and self._unheard(callbacks)

    def _uncached(self) -> bool:
        return self.cache is False or (self.cache is None and get_llm_cache() is None)

    def _unheard(self, callbacks: Callbacks | list[Callbacks]) -> bool:
        """Whether a run has neither handler nor tracer."""
        return not CallbackManager.configure(cast("Callbacks", callbacks), self.callbacks, self.verbose).handlers

    def _knowing(self, call: _Call) -> Self:
        """The model that knows a call's options."""
        if not call.options:
            return self
        model = self.model_copy()
        model._call_options = {name: value for name, value in call.options.items() if name != "timeout"}  # noqa: SLF001 - a copy of self
        return model


def _with_runs(result: LLMResult) -> LLMResult:
    """The result as LangChain leaves it, with the name of each prompt's run."""
    result.run = [RunInfo(run_id=uuid4()) for _ in result.generations] or None
    return result


def _texts(result: LLMResult) -> list[str]:
    return [generations[0].text for generations in result.generations]


def _check_streamed(chunk: GenerationChunk | None) -> None:
    if chunk is None:
        raise ValueError("No generation chunks were returned")
