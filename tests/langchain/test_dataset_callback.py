"""Runs as training data: what was asked and answered, once, and nothing that went wrong."""

from __future__ import annotations

import asyncio
import logging

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from llmengine_integrations import Client, errors
from llmengine_integrations.datasets import TrainingFile
from llmengine_integrations.langchain import FineTuneDatasetCallbackHandler

from . import calls
from .gateway import Events, completion, error_event, output_event, stream

MESSAGES = [SystemMessage("Be short."), HumanMessage("hi"), AIMessage("Hello."), HumanMessage("bye")]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "train.csv"


@pytest.fixture
def dataset(path):
    return FineTuneDatasetCallbackHandler(path)


@pytest.mark.parametrize("call", calls.ALL)
async def test_every_kind_of_run(llm, dataset, path, call):
    await call(llm, "hi, you", config={"callbacks": [dataset]})
    assert path.read_text() == 'prompt,response\n"hi, you"," You said: hi, you"\n'
    await call(llm, "hi, you", config={"callbacks": [dataset]})
    await call(llm, "bye", config={"callbacks": [dataset]})
    assert list(dataset.file) == [("hi, you", " You said: hi, you"), ("bye", " You said: bye")]


@pytest.mark.parametrize("method", ["batch", "abatch", "generate", "agenerate"])
async def test_many_prompts(llm, dataset, method):
    prompts = [f"number {i}" for i in range(12)]
    match method:
        case "batch":
            llm.batch(prompts, {"callbacks": [dataset]})
        case "abatch":
            await llm.abatch(prompts, {"callbacks": [dataset]})
        case "generate":
            llm.generate(prompts, callbacks=[dataset])
        case _:
            await llm.agenerate(prompts, callbacks=[dataset])
    assert sorted(dataset.file) == sorted((prompt, f" You said: {prompt}") for prompt in prompts)


@pytest.mark.parametrize("call", [calls.invoke, calls.ainvoke])
async def test_chats_become_what_a_plain_model_would_be_asked(llm, gateway, dataset, call):
    await call(FakeListChatModel(responses=["Bye."]), MESSAGES, config={"callbacks": [dataset]})
    (row,) = dataset.file
    llm.invoke(MESSAGES)
    assert row == (gateway.last["prompt"], "Bye.")
    assert row.prompt == "System: Be short.\nHuman: hi\nAI: Hello.\nHuman: bye"


async def test_chats_with_a_formatter(path):
    def formatted(messages):
        return "".join(f"<{message.type}>{message.text}" for message in messages) + "<ai>"

    dataset = FineTuneDatasetCallbackHandler(path, messages_to_prompt=formatted)
    _ = [chunk async for chunk in FakeListChatModel(responses=["Bye."]).astream(MESSAGES, {"callbacks": [dataset]})]
    assert list(dataset.file) == [("<system>Be short.<human>hi<ai>Hello.<human>bye<ai>", "Bye.")]


@pytest.mark.parametrize("call", calls.ALL)
async def test_answers_that_were_cut_off(llm, path, call):
    whole, all_of_them = (
        FineTuneDatasetCallbackHandler(path),
        FineTuneDatasetCallbackHandler(path.with_name("all.csv"), truncated=True),
    )
    await call(llm, "x", max_tokens=2, config={"callbacks": [whole, all_of_them]})
    assert list(whole.file) == []
    assert list(all_of_them.file) == [("x", " You said:")]
    assert (whole.left_out, all_of_them.left_out) == ({"truncated": 1}, {})


@pytest.mark.parametrize("call", calls.ALL)
async def test_runs_that_fail(llm, gateway, dataset, call):
    gateway.answers["x"] = lambda body: stream(output_event(" You", count=1), error_event(500, "no"))
    with pytest.raises(errors.LLMEngineError):
        await call(llm, "x", config={"callbacks": [dataset]})
    assert list(dataset.file) == []


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_streams_that_break_off(llm, gateway, dataset, call):
    gateway.answers["x"] = lambda body: stream(output_event(" You", count=1))
    with pytest.raises(errors.StreamTruncatedError):
        await call(llm, "x", config={"callbacks": [dataset]})
    assert list(dataset.file) == []


async def test_streams_that_are_left(llm, gateway, dataset):
    reading = llm.astream("x", {"callbacks": [dataset]})
    await anext(reading)
    await reading.aclose()
    assert list(dataset.file) == []
    assert dataset.left_out == {"abandoned": 1}
    assert all(isinstance(events, Events) and events.closed for events in gateway.streams)


def test_answers_without_text(llm, gateway, dataset):
    gateway.answers["x"] = lambda body: completion(" \n", count=1, prompt_tokens=1)
    llm.invoke("x", {"callbacks": [dataset]})
    assert list(dataset.file) == []


def test_only_what_is_wanted(llm, path):
    dataset = FineTuneDatasetCallbackHandler(path, keep=lambda row: "secret" not in row.prompt, tags=["good", "best"])
    for prompt, tags in [("a", ["good"]), ("b", ["bad"]), ("c", []), ("secret", ["good"]), ("d", ["x", "best"])]:
        llm.invoke(prompt, {"callbacks": [dataset], "tags": tags})
    assert [row.prompt for row in dataset.file] == ["a", "d"]
    with pytest.raises(TypeError, match="TrainingFile"):
        FineTuneDatasetCallbackHandler(TrainingFile(path), keep=bool)
    with pytest.raises(errors.InvalidArgumentError, match="csv"):
        FineTuneDatasetCallbackHandler("train.xlsx")


class Answering(FakeListChatModel):
    """Answers with a message of the test's."""

    message: AIMessage

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        return ChatResult(generations=[ChatGeneration(message=self.message)])


CALL = {"name": "weather", "args": {}, "id": "1"}


@pytest.mark.parametrize(
    ("message", "flaw"),
    [
        (AIMessage("I will look.", tool_calls=[CALL]), "tool_calls"),
        (AIMessage("{", invalid_tool_calls=[{"name": "a", "args": "{", "id": "1", "error": None}]), "tool_calls"),
        (AIMessage("", tool_calls=[CALL]), "tool_calls"),
        (AIMessage("Rome", response_metadata={"finish_reason": "content_filter"}), "filtered"),
        (AIMessage("Rome", response_metadata={"stop_reason": "max_tokens"}), "truncated"),
        (AIMessage("Rome", response_metadata={"done_reason": "length"}), "truncated"),
        (AIMessage("Rome", response_metadata={"finish_reason": "MAX_TOKENS"}), "truncated"),
        (
            AIMessage(
                "Rome",
                response_metadata={"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            ),
            "truncated",
        ),
        (AIMessage("Rome", response_metadata={"finish_reason": "abort"}), "unfinished"),
        (AIMessage(" "), "empty"),
        (AIMessage("a\0b"), "unwritable"),
        (AIMessage("half \ud83d"), "unwritable"),
        (AIMessage("Rome", response_metadata={"finish_reason": "stop"}), None),
        (AIMessage("Rome", response_metadata={"stop_reason": "end_turn"}), None),
    ],
)
def test_only_whole_answers(dataset, message, flaw):
    Answering(responses=[], message=message).invoke("x", {"callbacks": [dataset]})
    assert dataset.left_out == ({} if flaw is None else {flaw: 1})
    assert [row.response for row in dataset.file] == ([] if flaw else ["Rome"])


def test_json_that_is_none(llm, gateway, dataset):
    for text in ('{"a": 1}', '{"a": '):
        gateway.answers["x"] = lambda body, text=text: completion(text, count=3, prompt_tokens=1)
        llm.invoke("x", {"callbacks": [dataset]}, guided_json={"type": "object"})
    assert [row.response for row in dataset.file] == ['{"a": 1}']
    assert dataset.left_out == {"not_json": 1}


def test_chats_with_images(path, dataset):
    own = FineTuneDatasetCallbackHandler(
        path.with_name("own.csv"), messages_to_prompt=lambda messages: f"[image] {messages[0].text}"
    )
    image = {"type": "image_url", "image_url": {"url": "https://example.invalid/a.png"}}
    asked = [HumanMessage([{"type": "text", "text": "What is this?"}, image])]
    FakeListChatModel(responses=["A cat."]).invoke(asked, {"callbacks": [dataset, own]})
    assert (list(dataset.file), dataset.left_out) == ([], {"not_text": 1})
    assert list(own.file) == [("[image] What is this?", "A cat.")]


def test_several_answers_to_one_question(dataset):
    class Twice(FakeListChatModel):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            cut = {"finish_reason": "length"}
            return ChatResult(
                generations=[
                    ChatGeneration(message=AIMessage("one")),
                    ChatGeneration(message=AIMessage("tw"), generation_info=cut),
                    ChatGeneration(message=AIMessage("three")),
                ]
            )

    Twice(responses=[]).invoke("x", {"callbacks": [dataset]})
    assert [row.response for row in dataset.file] == ["one", "three"]


async def test_handlers_and_files_may_be_shared(make_llm, path):
    """Two handlers on one file, and runs from threads and tasks at a time, and from a cache."""
    llm = make_llm(cache=InMemoryCache())
    one, other = FineTuneDatasetCallbackHandler(path), FineTuneDatasetCallbackHandler(TrainingFile(path))
    prompts = [f"number {i % 10}" for i in range(20)]
    await asyncio.gather(
        llm.abatch(prompts, {"callbacks": [one]}),
        asyncio.to_thread(llm.batch, prompts, {"callbacks": [other]}),
    )
    assert sorted(row.prompt for row in one.file) == sorted(set(prompts))


def test_a_file_that_cannot_be_written_is_told_but_ends_no_run(llm, path, caplog):
    path.write_text("question,answer\n")
    dataset = FineTuneDatasetCallbackHandler(path)
    with caplog.at_level(logging.WARNING):
        assert llm.invoke("x", {"callbacks": [dataset]}) == " You said: x"
    assert "TrainingDataError" in caplog.text
    dataset.raise_error = True
    with pytest.raises(errors.TrainingDataError):
        llm.invoke("x", {"callbacks": [dataset]})
    assert dataset._prompts == {}


@pytest.mark.parametrize("name", ["train.csv", "train.jsonl"])
def test_the_file_is_fit_for_training(llm, tmp_path, name):
    dataset = FineTuneDatasetCallbackHandler(tmp_path / name)
    llm.batch([f"number {i}\n" for i in range(5)], {"callbacks": [dataset]})
    with Client("http://127.0.0.1:1") as client:
        assert client.files.check(dataset.file.path).rows == 5
