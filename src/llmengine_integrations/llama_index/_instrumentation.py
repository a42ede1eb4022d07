"""LlamaIndex's event decorators, with the types of what they decorate (they say nothing of their own), and a way past them.

LlamaIndex makes an event with an id and a time of its own for each token, and a span and a trace for each call, also where there is
nobody to see them: its default handlers do nothing. That is more work than all the rest of a token, so it is left undone while nobody
looks. If there is any handler when a call begins, LlamaIndex's own decorators run, unchanged.
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
    """One event of a chat for each call of the method, one span, and one turn of the rate limiter."""
    return cast("F", _where_observed(cast("Any", callbacks).llm_chat_callback(), method, "messages", _is_chat))


def completion_events(method: F) -> F:
    """One event of a completion for each call of the method, one span, and one turn of the rate limiter."""
    return cast("F", _where_observed(cast("Any", callbacks).llm_completion_callback(), method, "prompt", _is_prompt))


def span(method: F) -> F:
    """A span of LlamaIndex's instrumentation around each call of the method."""
    return cast("F", cast("Any", dispatcher).span(method))


def _where_observed(
    decorator: Callable[..., Any], method: Callable[..., Any], first: str, is_usual: Callable[[object], bool]
) -> Callable[..., Any]:
    """The method, decorated where somebody observes a call, else bare.

    Args:
        decorator: LlamaIndex's.
        method: An endpoint of the model.
        first: The name of the endpoint's first argument.
        is_usual: Whether that argument is what it should be. Refusing what is not is the decorator's.
    """
    spans = get_dispatcher(method.__module__)
    observed = cast("Any", spans).span(decorator(method))  # LlamaIndex adds a span to each endpoint that has none

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
    """Whether anybody would miss the events and spans of a call; or it has to wait for its turn, which is the decorator's too."""
    manager = llm.callback_manager
    return (
        getattr(llm, "rate_limiter", None) is not None
        or type(manager) is not CallbackManager
        or bool(manager.handlers)
        or _has_handler(callbacks.dispatcher)
        or _has_handler(spans)
    )


def _has_handler(dispatcher: Dispatcher) -> bool:
    """Whether what is given to the dispatcher reaches a handler that does anything."""
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
