"""LangChain's `BaseLLM` without two of its traps.

* Its cache does not look at the options of a call, and so answers `invoke(prompt, temperature=1)` with what it kept for
  `invoke(prompt, temperature=0)`: https://github.com/langchain-ai/langchain/issues/40403.
* Its `batch` makes one run of all prompts: an error of one is raised, or returned, for each of them, and tokens are counted for the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from langchain_core.callbacks import Callbacks
from langchain_core.language_models.llms import BaseLLM
from langchain_core.outputs import LLMResult
from pydantic import AliasChoices, BeforeValidator, Field, PrivateAttr
from typing_extensions import override

from ._batch import BoundedBatch
from ._options import as_list, canonical

_OF_THE_RUN = frozenset({"tags", "metadata", "run_name", "run_id"})


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
