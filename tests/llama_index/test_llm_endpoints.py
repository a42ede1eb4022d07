"""The eight endpoints: one request, one event and one turn of the limiter for each call; usage, log-probabilities and options on all."""

from __future__ import annotations

from itertools import pairwise

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import (
    CallbackManager,
    CBEventType,
    EventPayload,
    LlamaDebugHandler,
    TokenCountingHandler,
)
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.llm import (
    LLMChatEndEvent,
    LLMChatStartEvent,
    LLMCompletionEndEvent,
    LLMCompletionStartEvent,
)

from llmengine_integrations.prompting.chat_template import PLAIN_STOPS

from .endpoints import ALL, CHATS, COMPLETIONS, STREAMS, by_name, complete, stream_complete, text_of
from .gateway import said


def turn_stops(call, llm, sent) -> list[str]:
    """What ends the model's turn where a chat is sent as text."""
    is_chat = llm.is_chat_model or call in CHATS
    return PLAIN_STOPS if is_chat and "messages" not in sent else []


STARTS, ENDS = (LLMChatStartEvent, LLMCompletionStartEvent), (LLMChatEndEvent, LLMCompletionEndEvent)

each_call = pytest.mark.parametrize("call", ALL, ids=by_name)
each_stream = pytest.mark.parametrize("call", STREAMS, ids=by_name)


class Limiter:
    def __init__(self):
        self.turns = 0

    def acquire(self, num_tokens=0):
        self.turns += 1

    async def async_acquire(self, num_tokens=0):
        self.turns += 1


class Recorded(BaseEventHandler):
    events: list = []  # noqa: RUF012 - a field of a pydantic model

    @classmethod
    def class_name(cls):
        return "Recorded"

    def handle(self, event, **kwargs):
        self.events.append(event)


@pytest.fixture
def events():
    handler, root = Recorded(), get_dispatcher()
    root.add_event_handler(handler)
    yield handler.events
    root.event_handlers.remove(handler)


@each_call
async def test_one_request_one_event_one_turn(call, llm, gateway, events):
    debug, llm.rate_limiter = LlamaDebugHandler(print_trace_on_end=False), Limiter()
    llm.callback_manager = CallbackManager([debug])
    await call(llm, "Hello there")
    assert len(gateway.requests) == 1
    assert len(debug.get_event_pairs(CBEventType.LLM)) == 1
    assert llm.rate_limiter.turns == 1
    assert sum(isinstance(event, STARTS) for event in events) == 1
    assert sum(isinstance(event, ENDS) for event in events) == 1


@each_call
async def test_the_token_counter_counts_exactly(call, llm, gateway):
    counter = TokenCountingHandler()
    llm.callback_manager = CallbackManager([counter])
    responses = await call(llm, "Hello there")
    words = len(text_of(responses[-1]).split(" "))
    assert counter.prompt_llm_token_count == gateway.PROMPT_TOKENS
    assert counter.completion_llm_token_count == words
    counts = {"prompt_tokens": 7, "completion_tokens": words, "total_tokens": 7 + words}
    assert responses[-1].raw["usage"] == counts
    assert responses[-1].additional_kwargs.items() >= counts.items()


@each_call
async def test_where_the_server_does_not_count_the_token_counter_estimates(call, llm, gateway):
    gateway.counts = False
    counter = TokenCountingHandler()
    llm.callback_manager = CallbackManager([counter])
    responses = await call(llm, "Hello there")
    assert "completion_tokens" not in responses[-1].raw.get("usage", {})
    assert counter.prompt_llm_token_count > 0
    assert counter.completion_llm_token_count > 0


@each_call
async def test_log_probabilities(call, llm, gateway):
    gateway.replies.append(said("one two three"))
    responses = await call(llm, "hi", logprobs=True)
    text = text_of(responses[-1])
    places = [place for response in responses for place in response.logprobs or []]
    assert "".join(place[0].token for place in places).strip() == text.strip()
    assert [place[0].logprob for place in places] == [-(n + 1) / 8 for n in range(len(places))]
    assert bytes(places[-1][0].bytes).decode() == places[-1][0].token
    if len(responses) > 1:
        assert responses[-1].additional_kwargs["logprobs"] == places


@each_call
async def test_without_asking_there_are_no_log_probabilities(call, llm):
    responses = await call(llm, "one two")
    assert not any(response.logprobs for response in responses)
    assert "logprobs" not in responses[-1].additional_kwargs


@each_call
async def test_the_taken_token_comes_first_then_the_others(call, make_llm):
    responses = await call(make_llm(top_logprobs=2), "one")
    first = next(place for response in responses for place in response.logprobs or [])
    assert [(one.token, one.logprob) for one in first] == [("You", -0.125), ("other", -0.01)]


@each_call
async def test_why_it_ended(call, llm):
    assert (await call(llm, "one two"))[-1].additional_kwargs["finish_reason"] == "stop"


@each_call
async def test_an_answer_as_long_as_allowed_was_cut_off(call, make_llm, gateway):
    gateway.replies.append(said("one two three four"))
    responses = await call(make_llm(api="v1"), "hi", max_new_tokens=4)
    assert responses[-1].additional_kwargs["finish_reason"] == "length"


@each_stream
async def test_text_grows_and_deltas_add_up_to_it(call, llm):
    responses = await call(llm, "one two three")
    texts = [text_of(response) for response in responses]
    assert len(texts) > 3
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert "".join(response.delta for response in responses) == texts[-1]
    assert texts[-1].startswith("You said:")


@pytest.mark.parametrize("name", ["max_tokens", "max_new_tokens", "max_completion_tokens"])
@each_call
async def test_the_calls_own_options_win(call, name, llm, gateway):
    llm.temperature, llm.top_p, llm.stop = 0.9, 0.5, ["never"]
    await call(llm, "hi", temperature=0.1, top_p=0.7, stop=["END"], model="other", **{name: 5})
    sent = gateway.last
    assert (sent["temperature"], sent["top_p"]) == (0.1, 0.7)
    assert sent.get("max_tokens", sent.get("max_new_tokens")) == 5
    assert sent.get("stop", sent.get("stop_sequences")) == ["END", *turn_stops(call, llm, sent)]
    assert sent.get("model_endpoint_name", sent.get("model")) == "other"


@each_call
async def test_the_instances_options_hold_where_the_call_has_none(call, llm, gateway):
    llm.temperature, llm.max_new_tokens, llm.stop, llm.presence_penalty = 0.9, 11, ["never"], 0.5
    await call(llm, "hi", temperature=None, max_tokens=None, stop=None)
    sent = gateway.last
    assert sent.get("max_tokens", sent.get("max_new_tokens")) == 11
    assert sent.get("stop", sent.get("stop_sequences")) == ["never", *turn_stops(call, llm, sent)]
    assert sent["presence_penalty"] == 0.5
    assert sent.get("temperature") == (None if "messages" in sent else 0.2), (
        "None leaves it to the server, or to the client"
    )


@each_call
async def test_no_stop_strings_at_all(call, make_llm, gateway):
    await call(make_llm(stop=["never"]), "hi", stop=[])
    assert not gateway.last.get("stop")


@each_call
async def test_a_misspelt_option_is_refused_before_anything_is_sent(call, llm, gateway):
    with pytest.raises(TypeError, match="unexpected keyword argument 'temperatur'; did you mean 'temperature'"):
        await call(llm, "hi", temperatur=1)
    with pytest.raises(TypeError, match="'max_new_tokens' is given twice"):
        await call(llm, "hi", max_tokens=1, max_new_tokens=2)
    assert gateway.requests == []


@each_call
async def test_a_guided_option_of_the_call_replaces_the_instances(call, llm, gateway):
    llm.guided_regex = "a+"
    await call(llm, "hi", guided_choice=["a", "b"])
    assert gateway.last["guided_choice"] == ["a", "b"]
    assert "guided_regex" not in gateway.last


@pytest.mark.parametrize("call", CHATS, ids=by_name)
async def test_options_that_only_chats_know(call, make_llm, gateway):
    await call(make_llm(additional_kwargs={"seed": 1, "min_p": 0.1}), "hi", seed=2, user="me")
    assert (gateway.last["seed"], gateway.last["min_p"], gateway.last["user"]) == (2, 0.1, "me")
    with pytest.raises(TypeError, match="seed"):
        await call(make_llm(api="v1"), "hi", seed=2)


async def test_usage_is_asked_for_in_streams_only(make_llm, gateway):
    llm = make_llm()
    list(llm.stream_chat([ChatMessage(content="hi")]))
    assert gateway.last["stream_options"] == {"include_usage": True}
    llm.chat([ChatMessage(content="hi")])
    assert "stream_options" not in gateway.last


@pytest.mark.parametrize("call", COMPLETIONS, ids=by_name)
async def test_a_completion_model_continues_the_prompt(call, make_llm, gateway):
    llm = make_llm(is_chat_model=False, completion_to_prompt=lambda text: f"<{text}>")
    await call(llm, "hi")
    assert gateway.last["prompt"] == "<hi>"
    await call(llm, "hi", formatted=True)
    assert gateway.last["prompt"] == "hi"
    assert set(gateway.routes) <= {"completions-sync", "completions-stream"}


@pytest.mark.parametrize("call", COMPLETIONS, ids=by_name)
async def test_a_chat_model_is_asked_unless_the_prompt_is_formatted(call, make_llm, gateway):
    llm = make_llm(completion_to_prompt=lambda text: f"<{text}>")
    await call(llm, "hi")
    assert gateway.last["messages"] == [{"role": "user", "content": "<hi>"}]
    await call(llm, "hi", formatted=True)
    assert gateway.last["prompt"] == "hi"


@pytest.mark.parametrize("call", [complete, stream_complete], ids=by_name)
async def test_the_prompt_is_a_positional_or_a_keyword_argument(call, llm):
    method = getattr(llm, call.__name__)
    for response in (method("hi"), method(prompt="hi")):
        last = list(response)[-1] if "stream" in call.__name__ else response
        assert text_of(last).startswith("You said:")
    with pytest.raises((TypeError, ValueError)):
        list(method())
    with pytest.raises(TypeError):
        list(method("hi", prompt="hi"))


def test_an_event_of_a_completion_says_what_came(make_llm):
    debug, llm = LlamaDebugHandler(print_trace_on_end=False), make_llm()
    llm.callback_manager = CallbackManager([debug])
    llm.complete("hi")
    _, end = debug.get_event_pairs(CBEventType.LLM)[0]
    assert end.payload[EventPayload.PROMPT] == "hi"
    assert end.payload[EventPayload.COMPLETION].text == "You said: hi"
