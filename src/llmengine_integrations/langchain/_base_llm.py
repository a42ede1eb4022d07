"""LangChain's `BaseLLM` without two of its traps.

* Its cache does not look at the options of a call, and so answers `invoke(prompt, temperature=1)` with what it kept for
  `invoke(prompt, temperature=0)`: https://github.com/langchain-ai/langchain/issues/40403.
* Its `batch` makes one run of all prompts: an error of one is raised, or returned, for each of them, and tokens are counted for the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, cast

from langchain_core.callbacks import Callbacks
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.llms import BaseLLM
from langchain_core.outputs import LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_config_list
from pydantic import AliasChoices, Field, PrivateAttr
from typing_extensions import override

from ._concurrency import map_tasks, map_threads
from ._options import canonical

_OF_THE_RUN = frozenset({"tags", "metadata", "run_name", "run_id"})


class PerCallLLM(BaseLLM):
    """A completion model whose calls are each their own. What `_call_options` holds belongs to `_identifying_params`."""

    stop: list[str] | None = Field(default=None, validation_alias=AliasChoices("stop", "stop_sequences"))
    """Strings that end the text. A call's own replace them."""
    max_concurrency: int = Field(default=8, ge=1)
    """Requests at a time for many prompts: enough to fill a server's batch, without one caller crowding out the others: a gateway turns
    requests away beyond 500 in all. `config={"max_concurrency": n}` changes it for one `batch` or `abatch`."""

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
        model, stop, kwargs = self._for_call(stop, kwargs)
        return super(PerCallLLM, model).generate(prompts, stop, callbacks, **kwargs)

    @override
    async def agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] = None,
        **kwargs: Any,
    ) -> LLMResult:
        """`generate`, awaited."""
        model, stop, kwargs = self._for_call(stop, kwargs)
        return await super(PerCallLLM, model).agenerate(prompts, stop, callbacks, **kwargs)

    @override
    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """Complete many prompts, each in a run of its own, in threads, at most `max_concurrency` at a time.

        Args:
            inputs: The prompts.
            config: One for all or one for each. `max_concurrency` in the (first) one wins over the instance's.
            return_exceptions: Whether a prompt that fails yields its error in its place; else the first error is raised and ends the rest.
            **kwargs: Options of the model, for this call.
        """
        if not inputs:
            return []
        configs = get_config_list(config, len(inputs))

        def one(pair: tuple[LanguageModelInput, RunnableConfig]) -> str:
            try:
                return self.invoke(*pair, **kwargs)
            except Exception as error:
                if return_exceptions:
                    return cast("str", error)
                raise

        return map_threads(one, list(zip(inputs, configs, strict=True)), self._limit(configs))

    @override
    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """`batch` in tasks instead of threads."""
        if not inputs:
            return []
        configs = get_config_list(config, len(inputs))

        async def one(pair: tuple[LanguageModelInput, RunnableConfig]) -> str:
            try:
                return await self.ainvoke(*pair, **kwargs)
            except Exception as error:
                if return_exceptions:
                    return cast("str", error)
                raise

        return await map_tasks(one, list(zip(inputs, configs, strict=True)), self._limit(configs))

    def _limit(self, configs: list[RunnableConfig]) -> int:
        return configs[0].get("max_concurrency") or self.max_concurrency

    def _for_call(
        self, stop: list[str] | None, kwargs: Mapping[str, Any]
    ) -> tuple[Self, list[str] | None, dict[str, Any]]:
        """The model that knows a call's options, the stop strings that hold for it, and the options under their own names."""
        run = {name: value for name, value in kwargs.items() if name in _OF_THE_RUN}
        given = canonical(stop, {name: value for name, value in kwargs.items() if name not in _OF_THE_RUN})
        stop = given.pop("stop", self.stop)
        if not given:
            return self, stop, run
        model = self.model_copy()
        model._call_options = {name: value for name, value in given.items() if name != "timeout"}  # noqa: SLF001 - a copy of self
        return model, stop, {**run, **given}
