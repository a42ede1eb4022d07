"""LlamaIndex's event decorators, typed (they are untyped in LlamaIndex), and a way to bypass them.

LlamaIndex creates an event with its own id and time for each token, and a span and a trace for each call, even if nobody observes them:
its default handlers do nothing. That is more work than everything else for a token, so it is skipped while there are no observers. If
there is any handler when a call starts, LlamaIndex's own decorators run unchanged.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager
from llama_index.core.llms import callbacks
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.event_handlers import NullEventHandler
from llama_index_instrumentation.span_handlers import NullSpanHandler

if TYPE_CHECKING:
    from llama_index.core.base.llms.base import BaseLLM
    from llama_index_instrumentation.dispatcher import Dispatcher

F = TypeVar("F", bound=Callable[..., Any])

dispatcher = get_dispatcher(__name__)

_DOING_NOTHING = (NullEventHandler, NullSpanHandler)


def chat_events(method: F) -> F:
    """Each call of the method gets one chat event, one span, and one turn of the rate limiter."""
    return cast("F", _where_observed(cast("Any", callbacks).llm_chat_callback(), method, "messages", _is_chat))


def completion_events(method: F) -> F:
    """Each call of the method gets one completion event, one span, and one turn of the rate limiter."""
    return cast("F", _where_observed(cast("Any", callbacks).llm_completion_callback(), method, "prompt", _is_prompt))


def span(method: F) -> F:
    """Each call of the method gets a span of LlamaIndex's instrumentation."""
    return cast("F", cast("Any", dispatcher).span(method))


def _where_observed(
    decorator: Callable[..., Any], method: Callable[..., Any], first: str, is_usual: Callable[[object], bool]
) -> Callable[..., Any]:
    """The method, which runs decorated if a call is observed, otherwise bare.

    Args:
        decorator: LlamaIndex's decorator.
        method: An endpoint of the model.
        first: The name of the endpoint's first argument.
        is_usual: Whether that argument has the expected type. If not, the decorator runs and refuses it.
    """
    spans = get_dispatcher(method.__module__)
    observed = cast("Any", spans).span(decorator(method))  # LlamaIndex adds a span to each endpoint without one

    def is_bare(llm: BaseLLM, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        return is_usual(args[0] if args else kwargs.get(first)) and not _is_observed(llm, spans)

    if inspect.iscoroutinefunction(method):

        @wraps(observed)
        async def acall(self: BaseLLM, *args: Any, **kwargs: Any) -> Any:
            if is_bare(self, args, kwargs):
                return await method(self, *args, **kwargs)
            return await observed.__get__(self, type(self))(*args, **kwargs)

        return acall

    @wraps(observed)
    def call(self: BaseLLM, *args: Any, **kwargs: Any) -> Any:
        if is_bare(self, args, kwargs):
            return method(self, *args, **kwargs)
        return observed.__get__(self, type(self))(*args, **kwargs)

    return call


def _is_observed(llm: BaseLLM, spans: Dispatcher) -> bool:
    """Whether the decorator must run for a call: somebody observes its events or spans, or it has a rate limiter."""
    manager = llm.callback_manager
    return (
        getattr(llm, "rate_limiter", None) is not None
        or type(manager) is not CallbackManager
        or bool(manager.handlers)
        or _has_handler(callbacks.dispatcher)
        or _has_handler(spans)
    )


def _has_handler(dispatcher: Dispatcher) -> bool:
    """Whether the dispatcher's events and spans reach a handler that does anything."""
    while True:
        for handlers in (dispatcher.event_handlers, cast("Any", dispatcher).span_handlers):
            for handler in handlers:
                if type(handler) not in _DOING_NOTHING:
                    return True
        if not dispatcher.propagate:
            return False
        dispatcher = dispatcher.parent


def _is_chat(messages: object) -> bool:
    return isinstance(messages, list) and all(isinstance(one, ChatMessage) for one in cast("list[Any]", messages))


def _is_prompt(prompt: object) -> bool:
    return isinstance(prompt, str)
