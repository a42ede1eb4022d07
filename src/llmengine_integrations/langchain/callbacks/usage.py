"""Counts the tokens that were used, by model."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, cast

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.outputs import LLMResult
from typing_extensions import override

from ..._shared.thread_lock import ThreadLock
from ._generations import first, info_of, model_of, usage_of

UNKNOWN_MODEL = "unknown"
"""The name for models that do not report one."""
_COUNTS = ("input_tokens", "output_tokens", "total_tokens")
_DETAILS = ("input_token_details", "output_token_details")


class LLMEngineUsageCallbackHandler(BaseCallbackHandler):
    """Adds up the tokens of finished runs, by model: of plain and chat models, whole, streamed and batched.

        usage = LLMEngineUsageCallbackHandler()
        llm.invoke("The capital of France is", config={"callbacks": [usage]})
        usage.usage_metadata  # {'llama-2-7b': {'input_tokens': 6, 'output_tokens': 9, 'total_tokens': 15}}

    LangChain's own handler supports only chat models, and counts an answer from the cache as if it had been paid for. This one does not
    count it. (LangChain marks chat answers from a cache with a cost of 0.) A run that fails is not counted, because the server did not say
    what it used. Safe for threads and tasks; keeps nothing of single runs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = ThreadLock()
        self._usage: dict[str, UsageMetadata] = {}
        self._runs: dict[str, int] = {}
        self._incomplete: dict[str, int] = {}
        self._outer: LLMEngineUsageCallbackHandler | None = None

    @property
    def usage_metadata(self) -> dict[str, UsageMetadata]:
        """The tokens by model, at this moment."""
        with self._lock:
            return dict(self._usage)

    @property
    def runs(self) -> dict[str, int]:
        """The number of counted runs, by model."""
        with self._lock:
            return dict(self._runs)

    @property
    def incomplete(self) -> dict[str, int]:
        """The number of runs, by model, whose input or output the server did not count. Their part of the totals is missing."""
        with self._lock:
            return dict(self._incomplete)

    @property
    def total(self) -> UsageMetadata:
        """The tokens of all models together."""
        total = UsageMetadata(input_tokens=0, output_tokens=0, total_tokens=0)
        for usage in self.usage_metadata.values():
            total = _add(total, usage)
        return total

    @override
    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Count a run."""
        found = usage_of(response) or {}
        if not _is_cached(found):
            complete = all(name in found for name in _COUNTS) or _is_counted_elsewhere(response)
            self._count(model_of(response) or UNKNOWN_MODEL, found, complete=complete)

    def _count(self, model: str, found: Mapping[str, Any], *, complete: bool) -> None:
        usage = cast("UsageMetadata", {name: found.get(name, 0) for name in _COUNTS})
        for name in _DETAILS:
            if name in found:
                usage[name] = found[name]
        with self._lock:
            self._usage[model] = _add(self._usage.get(model), usage)
            self._runs[model] = self._runs.get(model, 0) + 1
            if not complete:
                self._incomplete[model] = self._incomplete.get(model, 0) + 1
        if self._outer is not None:
            self._outer._count(model, found, complete=complete)  # noqa: SLF001 - of the same class

    @override
    def __repr__(self) -> str:
        return str(self.usage_metadata)


@contextmanager
def get_llmengine_usage_callback() -> Generator[LLMEngineUsageCallbackHandler]:
    """Count the tokens of all runs that start inside the block, in its threads and tasks too, without passing a handler to each.

        with get_llmengine_usage_callback() as usage:
            chain.invoke("x")
        print(usage.total)

    Nested blocks both count. Unlike LangChain's `get_usage_metadata_callback`, it leaves nothing behind: any number of uses costs later
    runs nothing. https://github.com/langchain-ai/langchain/issues/32300
    """
    current = _current()
    handler = LLMEngineUsageCallbackHandler()
    handler._outer = current.get()  # noqa: SLF001 - of this module
    token = current.set(handler)
    try:
        yield handler
    finally:
        current.reset(token)


@cache
def _current() -> ContextVar[LLMEngineUsageCallbackHandler | None]:
    """Return the one variable in which LangChain looks for a handler, registered at the first use."""
    from langchain_core.tracers.context import register_configure_hook  # noqa: PLC0415 - imports all of langsmith

    variable: ContextVar[LLMEngineUsageCallbackHandler | None] = ContextVar("llmengine_usage", default=None)
    # A run that starts inside finds its block by the variable. If runs inherited it too, a run in a block, inside a chain, inside a block
    # would be counted twice by the outer block.
    register_configure_hook(variable, inheritable=False)
    return variable


def _add(one: UsageMetadata | None, other: UsageMetadata) -> UsageMetadata:
    """Return the sum, with its keys in a readable order, which LangChain's does not have."""
    found = cast("Mapping[str, Any]", add_usage(one, other))
    return cast("UsageMetadata", {name: found[name] for name in (*_COUNTS, *_DETAILS) if name in found})


def _is_cached(usage: Mapping[str, Any]) -> bool:
    return usage.get("total_cost") == 0


def _is_counted_elsewhere(response: LLMResult) -> bool:
    """Return whether another prompt of the call has the counts: LangChain gives the first prompt the sum, and the others `{}`."""
    return (response.llm_output or {}).get("token_usage") == {} and "token_usage" not in info_of(first(response))
