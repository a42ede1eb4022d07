"""Whoever observes a model sees each of its calls, wherever and whenever the handler was attached; and nobody has to."""

from __future__ import annotations

import inspect

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.llm import LLMChatInProgressEvent, LLMCompletionInProgressEvent
from llama_index_instrumentation.span_handlers import SimpleSpanHandler

from llmengine_integrations.llama_index import LLMEngine

from .endpoints import ALL, STREAMS, by_name, complete

each_call = pytest.mark.parametrize("call", ALL, ids=by_name)
each_stream = pytest.mark.parametrize("call", STREAMS, ids=by_name)


class Seen(BaseEventHandler):
    events: list = []  # noqa: RUF012 - a field of a pydantic model

    @classmethod
    def class_name(cls):
        return "Seen"

    def handle(self, event, **kwargs):
        self.events.append(event)


class Turns:
    taken = 0

    def acquire(self, num_tokens=0):
        self.taken += 1

    async def async_acquire(self, num_tokens=0):
        self.taken += 1


@pytest.fixture
def attach(request):
    """Attaches a handler to a dispatcher until the test ends."""

    def attached(name, handler):
        dispatcher = get_dispatcher(name)
        handlers = dispatcher.event_handlers if isinstance(handler, Seen) else dispatcher.span_handlers
        handlers.append(handler)
        request.addfinalizer(lambda: handlers.remove(handler))
        return handler

    return attached


@pytest.mark.parametrize("name", ["root", "llama_index.core.llms.callbacks"])
@each_call
async def test_an_event_handler_sees_every_call(call, name, llm, attach):
    await call(llm, "before it is attached")
    seen = attach(name, Seen())
    await call(llm, "hi")
    kinds = [type(event).__name__ for event in seen.events]
    route = "Chat" if "chat" in call.__name__ else "Completion"
    assert (kinds[0], kinds[-1]) == (f"LLM{route}StartEvent", f"LLM{route}EndEvent")
    assert seen.events[0].span_id.startswith(f"LLMEngine.{call.__name__}-")


@each_stream
async def test_an_event_handler_sees_every_token(call, llm, attach):
    seen = attach("root", Seen())
    responses = await call(llm, "one two three")
    kinds = LLMChatInProgressEvent, LLMCompletionInProgressEvent
    assert [event.response for event in seen.events if isinstance(event, kinds)] == responses


@pytest.mark.parametrize("name", ["root", LLMEngine.__module__])
@each_call
async def test_a_span_handler_sees_one_span_of_the_model(call, name, llm, attach):
    spans = attach(name, SimpleSpanHandler())
    await call(llm, "hi")
    (span,) = spans.completed_spans
    assert span.id_.startswith(f"LLMEngine.{call.__name__}-")


async def test_a_span_is_the_subclasss_own(clients, attach):
    class Mine(LLMEngine):
        def complete(self, prompt, formatted=False, **kwargs):
            return super().complete(f"Mine: {prompt}", formatted, **kwargs)

    spans = attach("root", SimpleSpanHandler())
    (response,) = await complete(Mine(model="m", is_chat_model=False, **clients), "hi")
    assert response.text == "You said: Mine: hi"
    assert {span.id_.partition("-")[0] for span in spans.completed_spans} == {"Mine.complete"}


@each_call
async def test_a_callback_handler_that_comes_and_goes(call, llm):
    debug = LlamaDebugHandler(print_trace_on_end=False)
    for count, handlers in ((0, []), (1, [debug]), (1, [])):
        llm.callback_manager.set_handlers(handlers)
        await call(llm, "hi")
        assert len(debug.get_event_pairs(CBEventType.LLM)) == count


@each_call
async def test_a_manager_of_ones_own_is_called(call, llm):
    class Manager(CallbackManager):
        started = 0

        def on_event_start(self, *args, **kwargs):
            self.started += 1
            return super().on_event_start(*args, **kwargs)

    llm.callback_manager = Manager()
    await call(llm, "hi")
    assert llm.callback_manager.started == 1


@each_call
async def test_unobserved_calls_wait_for_their_turn(call, llm):
    llm.rate_limiter = Turns()
    await call(llm, "hi")
    assert llm.rate_limiter.taken == 1


async def test_what_is_no_chat_is_refused_as_by_any_model_of_llama_index(llm, gateway):
    for wrong in ("hi", ["hi"], None):
        with pytest.raises(ValueError, match="messages"):
            llm.chat(wrong)
        with pytest.raises(ValueError, match="messages"):
            await llm.achat(wrong)
    assert gateway.requests == []


def test_a_tuple_is_a_chat(llm):
    assert llm.chat((ChatMessage(content="hi"),)).message.content


@each_call
def test_the_endpoints_are_what_they_were(call, llm):
    method = getattr(LLMEngine, call.__name__)
    assert inspect.iscoroutinefunction(method) == call.__name__.startswith("a")
    assert (method.__name__, method.__module__) == (call.__name__, LLMEngine.__module__)
    assert method.__doc__
