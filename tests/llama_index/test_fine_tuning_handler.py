"""`LLMEngineFineTuningHandler` on calls of LlamaIndex's own LLM classes and of the embedded engine."""

from __future__ import annotations

import threading

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    ImageBlock,
    LLMMetadata,
    ToolCallBlock,
)
from llama_index.core.callbacks import CallbackManager
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.callbacks.schema import CBEventType, EventPayload
from llama_index.core.llms import MockLLM
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.llms.custom import CustomLLM

from llmengine_integrations import datasets
from llmengine_integrations.errors import TrainingDataError
from llmengine_integrations.llama_index import LLMEngine, LLMEngineFineTuningHandler


class Failing(CustomLLM):
    """Fails at once, or in the middle of a stream."""

    @property
    def metadata(self):
        return LLMMetadata()

    @llm_completion_callback()
    def complete(self, prompt, formatted=False, **kwargs):
        raise ZeroDivisionError("the model is tired")

    @llm_completion_callback()
    def stream_complete(self, prompt, formatted=False, **kwargs):
        def pieces():
            yield CompletionResponse(text="half", delta="half")
            raise ZeroDivisionError("the model is tired")

        return pieces()


@pytest.fixture
def handler():
    return LLMEngineFineTuningHandler()


@pytest.fixture
def llm(handler):
    return MockLLM(max_tokens=2, callback_manager=CallbackManager([handler]))


def messages(text="What is up?"):
    return [ChatMessage("Be brief.", role="system"), ChatMessage(text, role="user")]


PROMPT = "system: Be brief.\nuser: What is up?\nassistant:"


def test_it_is_a_handler_of_llama_index():
    assert BaseCallbackHandler.__name__ in [base.__name__ for base in LLMEngineFineTuningHandler.__mro__]


def test_a_chat_with_tools_is_told_in_words(handler, llm):
    call = ToolCallBlock(tool_call_id="1", tool_name="weather", tool_kwargs={"city": "Rome"})
    result = ChatMessage("Sunny", role="tool", additional_kwargs={"tool_call_id": "1"})
    llm.chat([*messages("Rome?"), ChatMessage(role="assistant", blocks=[call]), result])
    assert handler.rows[-1].prompt == (
        "system: Be brief.\nuser: Rome?\n"
        'assistant: {"name": "weather", "arguments": {"city": "Rome"}}\nuser: Result of weather: Sunny\nassistant:'
    )


def test_a_chat_without_text_is_no_example(handler):
    seen = {
        EventPayload.MESSAGES: [ChatMessage(role="user", blocks=[ImageBlock(url="https://example.com/a.png")])],
        EventPayload.RESPONSE: ChatResponse(message=ChatMessage("A cat", role="assistant")),
    }
    handler.on_event_end(CBEventType.LLM, seen, event_id="1")
    assert handler.rows == []


def test_completions(handler, llm):
    llm.complete("The sky is")
    streamed = [part.text for part in llm.stream_complete("The sea is")][-1]
    assert handler.rows == [("The sky is", "text text"), ("The sea is", streamed)]


@pytest.mark.engine
async def test_every_way_of_calling_the_engine(engine):
    handler = LLMEngineFineTuningHandler(truncated=True)
    llm = LLMEngine(
        model="llama-2-7b",
        base_url=engine.base_url,
        api_key=engine.api_key,
        max_new_tokens=4,
        temperature=0,
        callback_manager=CallbackManager([handler]),
    )
    said = [
        llm.complete("The sky is").text,
        [part.text for part in llm.stream_complete("The sky is")][-1],
        (await llm.acomplete("The sky is")).text,
        [part.text async for part in await llm.astream_complete("The sky is")][-1],
    ]
    assert handler.rows == [("The sky is", text) for text in said]
    asked = messages()
    said = [
        llm.chat(asked).message.content,
        [part.message.content for part in llm.stream_chat(asked)][-1],
        (await llm.achat(asked)).message.content,
        [part.message.content async for part in await llm.astream_chat(asked)][-1],
    ]
    assert handler.rows[4:] == [(PROMPT, text) for text in said]
    assert asked == messages()


def test_events_are_messages_with_the_answer_last(handler, llm):
    llm.complete("The sky is")
    ((asked, answer),) = handler.get_finetuning_events().values()
    assert (asked.role.value, asked.content) == ("user", "The sky is")
    assert (answer.role.value, answer.content) == ("assistant", "text text")


def test_the_callers_messages_stay_theirs(handler, llm):
    """Also when they are changed later."""
    asked = messages()
    before = [message.model_copy(deep=True) for message in asked]
    llm.chat(asked)
    assert asked == before
    asked.append(ChatMessage("More."))
    asked[0].content = "Be long."
    *_, (system, *_) = handler.get_finetuning_events().values()  # a mock reports the completion behind the chat first
    assert system.content == "Be brief."


def test_failed_calls_are_no_examples_and_keep_their_error(handler):
    failing = Failing(callback_manager=CallbackManager([handler]))
    for call in (failing.complete, lambda prompt: list(failing.stream_complete(prompt))):
        with pytest.raises(ZeroDivisionError, match="the model is tired"):
            call("Hello")
    with pytest.raises(ZeroDivisionError):
        failing.chat(messages())
    assert handler.rows == []


def test_streams_left_early_are_no_examples(handler, llm):
    stream = llm.stream_complete("The sky is")
    next(stream)
    stream.close()
    assert handler.rows == []
    assert handler.left_out == {"abandoned": 1}


def test_answers_without_text_are_no_examples(handler):
    """Such as tool calls alone."""
    from llama_index.core.base.llms.types import ChatResponse  # noqa: PLC0415 - beside its use
    from llama_index.core.callbacks.schema import CBEventType, EventPayload  # noqa: PLC0415 - beside its use

    call = ChatMessage(role="assistant", blocks=[ToolCallBlock(tool_call_id="1", tool_name="add", tool_kwargs={})])
    payload = {EventPayload.MESSAGES: messages(), EventPayload.RESPONSE: ChatResponse(message=call)}
    handler.on_event_end(CBEventType.LLM, payload, "1")
    handler.on_event_end(CBEventType.LLM, {EventPayload.MESSAGES: messages(), EventPayload.RESPONSE: None}, "2")
    assert handler.rows == []


@pytest.mark.parametrize("name", ["train.csv", "train.jsonl"])
def test_saved_to_a_training_file(handler, llm, tmp_path, name):
    path = tmp_path / name
    llm.complete('Say "hi",\nplease')
    llm.complete('Say "hi",\nplease')
    llm.complete("Again")
    assert handler.save_finetuning_events(path) == 2
    assert list(datasets.TrainingFile(path)) == [('Say "hi",\nplease', "text text"), ("Again", "text text")]
    assert handler.save_finetuning_events(path, clear=True) == 0
    assert handler.rows == []
    llm.complete("Once more")
    assert handler.save_finetuning_events(path) == 1
    assert len(list(datasets.TrainingFile(path))) == 3


def test_a_file_that_is_no_training_data_stays_as_it_is(handler, llm, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    llm.complete("Hello")
    with pytest.raises(TrainingDataError):
        handler.save_finetuning_events(path, clear=True)
    assert path.read_text() == "a,b\n1,2\n"
    assert len(handler.rows) == 1


def test_prompts_of_ones_own_and_a_filter():
    handler = LLMEngineFineTuningHandler(
        messages_to_prompt=lambda messages: messages[-1].content, keep=lambda row: "not" not in row.prompt
    )
    llm = MockLLM(max_tokens=2, callback_manager=CallbackManager([handler]))
    llm.chat(messages())
    llm.complete("not this")
    assert [row.prompt for row in handler.rows] == [f"{PROMPT} ", "What is up?"]  # the mock's completion, and the chat


def test_threads(handler, llm):
    def work(number):
        for turn in range(25):
            llm.complete(f"{number} {turn}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {row.prompt for row in handler.rows} == {f"{number} {turn}" for number in range(8) for turn in range(25)}
