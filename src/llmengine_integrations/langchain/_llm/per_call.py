"""LangChain's `BaseLLM` without two of its faults.

* Its cache ignores the options of a call. It answers `invoke(prompt, temperature=1)` with the cached answer to
  `invoke(prompt, temperature=0)`: https://github.com/langchain-ai/langchain/issues/40403. `PerCallLLM` fixes that.
* Its `batch` makes one run of all prompts. An error in one is raised, or returned, for each of them, and tokens are counted for the first
  only. `BoundedBatch` fixes that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, Self

from langchain_core.callbacks import Callbacks
from langchain_core.language_models.llms import BaseLLM
from langchain_core.outputs import LLMResult
from pydantic import AliasChoices, BeforeValidator, Field, PrivateAttr
from typing_extensions import override

from .._options import as_list, canonical
from .._running.batches import BoundedBatch

_RUN_ARGUMENTS = frozenset({"tags", "metadata", "run_name", "run_id"})


class _Call(NamedTuple):
    stop: list[str] | None
    """The stop strings of the call."""
    options: dict[str, Any]
    """The other options, under the names of the fields."""
    run: dict[str, Any]
    """What the call says about its run."""


class PerCallLLM(BoundedBatch[str], BaseLLM):
    """A completion model whose cache knows the options of a call. A subclass's `_identifying_params` must include `_call_options`."""

    stop: Annotated[list[str] | None, BeforeValidator(as_list)] = Field(
        default=None, validation_alias=AliasChoices("stop", "stop_sequences")
    )
    """Strings that end the text, or one string. The strings of a call replace them."""
    _call_options: Mapping[str, Any] = PrivateAttr(default_factory=dict[str, Any])

    @override
    def generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Complete prompts, at most `max_concurrency` at a time. The first error is raised and ends the rest.

        Accepts what LangChain's own `generate` accepts, and any option of the model for this call.
        """
        call = self._call(stop, kwargs)
        model = self._with(call.options)
        return super(PerCallLLM, model).generate(prompts, call.stop, callbacks, **call.run, **call.options)

    @override
    async def agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] = None,
        **kwargs: Any,
    ) -> LLMResult:
        """The async version of `generate`."""
        call = self._call(stop, kwargs)
        model = self._with(call.options)
        return await super(PerCallLLM, model).agenerate(prompts, call.stop, callbacks, **call.run, **call.options)

    def _call(self, stop: list[str] | None, kwargs: Mapping[str, Any]) -> _Call:
        options = dict(kwargs)
        run = {name: options.pop(name) for name in _RUN_ARGUMENTS & options.keys()}
        options = canonical(stop, options)
        return _Call(options.pop("stop", self.stop), options, run)

    def _with(self, options: Mapping[str, Any]) -> Self:
        """Return the model that a call uses. Its identity, which is part of the cache's key, includes the call's options."""
        if not options:
            return self
        model = self.model_copy()
        model._call_options = {name: value for name, value in options.items() if name != "timeout"}  # noqa: SLF001 - a copy of self
        return model
