"""Batches of a model with a concurrency limit. Each input has its own run, and no call continues after an error."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import Any, Literal, cast

from langchain_core.language_models.base import LanguageModelInput, LanguageModelOutputVar
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_config_list
from pydantic import Field
from typing_extensions import override

from .._tokenizer import CountsTokens
from .limited_map import map_tasks, map_threads, tasks_as_completed


class BoundedBatch(CountsTokens[LanguageModelOutputVar]):
    """A model that sends a batch in parts.

    LangChain's own models send the whole batch at once, and a plain model makes one run of all prompts. The other calls continue when one
    has failed or the caller has left.
    """

    max_concurrency: int = Field(default=8, ge=1)
    """The number of concurrent requests for many inputs. It is enough to fill a server's batch, without one caller crowding out the others;
    a gateway refuses requests beyond 500 in total. `config={"max_concurrency": n}` changes it for one `batch` or `abatch`."""

    @override
    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[LanguageModelOutputVar]:
        """Answer many inputs, each in its own run, in threads, at most `max_concurrency` at a time.

        Args:
            inputs: The prompts, or lists of messages.
            config: One for all or one for each. `max_concurrency` in it (or in the first one) overrides the instance's.
            return_exceptions: Whether to return the error of a failed input in its place; otherwise the first error is raised and ends the
                rest.
            **kwargs: Options of the model, for this call.
        """
        if not inputs:
            return []
        configs = get_config_list(config, len(inputs))

        def one(pair: tuple[LanguageModelInput, RunnableConfig]) -> LanguageModelOutputVar:
            try:
                return self.invoke(*pair, **kwargs)
            except Exception as error:
                if return_exceptions:
                    return cast("LanguageModelOutputVar", error)
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
    ) -> list[LanguageModelOutputVar]:
        """The version of `batch` that uses tasks instead of threads."""
        if not inputs:
            return []
        configs = get_config_list(config, len(inputs))

        async def one(pair: tuple[LanguageModelInput, RunnableConfig]) -> LanguageModelOutputVar:
            try:
                return await self.ainvoke(*pair, **kwargs)
            except Exception as error:
                if return_exceptions:
                    return cast("LanguageModelOutputVar", error)
                raise

        return await map_tasks(one, list(zip(inputs, configs, strict=True)), self._limit(configs))

    @override
    def batch_as_completed(
        self,
        inputs: Sequence[LanguageModelInput],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """The version of `batch` that yields each answer as soon as it is complete, with its input's index."""
        configs = get_config_list(config, len(inputs)) if inputs else []
        if configs:  # LangChain reads the limit of the first one
            configs[0] = {**configs[0], "max_concurrency": self._limit(configs)}
        errors_too = cast("Literal[True]", return_exceptions)
        return super().batch_as_completed(inputs, configs, return_exceptions=errors_too, **kwargs)

    @override
    async def abatch_as_completed(
        self,
        inputs: Sequence[LanguageModelInput],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """The version of `abatch` that yields each answer as soon as it is complete, with its input's index."""
        configs = get_config_list(config, len(inputs)) if inputs else []

        async def one(item: tuple[int, LanguageModelInput, RunnableConfig]) -> tuple[int, Any]:
            place, given, its_config = item
            try:
                return place, await self.ainvoke(given, its_config, **kwargs)
            except Exception as error:
                if return_exceptions:
                    return place, error
                raise

        items = [(place, *pair) for place, pair in enumerate(zip(inputs, configs, strict=True))]
        async with aclosing(tasks_as_completed(one, items, self._limit(configs))) as answers:
            async for answer in answers:
                yield answer

    def _limit(self, configs: list[RunnableConfig]) -> int:
        given = configs[0].get("max_concurrency") if configs else None
        return given or self.max_concurrency
