"""LlamaIndex's event decorators, with the types of what they decorate: they say nothing of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from llama_index.core.llms import callbacks
from llama_index_instrumentation import get_dispatcher

F = TypeVar("F", bound=Callable[..., Any])

dispatcher = get_dispatcher(__name__)


def chat_events(method: F) -> F:
    """One event of a chat for each call of the method, and one turn of the rate limiter."""
    return cast("F", cast("Any", callbacks).llm_chat_callback()(method))


def completion_events(method: F) -> F:
    """One event of a completion for each call of the method, and one turn of the rate limiter."""
    return cast("F", cast("Any", callbacks).llm_completion_callback()(method))


def span(method: F) -> F:
    """A span of LlamaIndex's instrumentation around each call of the method."""
    return cast("F", cast("Any", dispatcher).span(method))
