"""`LLMEngineFineTuningHandler` records whole answers only, and counts the others."""

from __future__ import annotations

import httpx
import pytest
from llama_index.core import PromptTemplate
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ImageBlock, TextBlock
from llama_index.core.callbacks import CallbackManager
from llama_index.core.callbacks.schema import CBEventType, EventPayload
from pydantic import BaseModel

from llmengine_integrations.errors import BadRequestError
from llmengine_integrations.llama_index import LLMEngineFineTuningHandler

from . import endpoints
from .gateway import said


@pytest.fixture
def handler():
    return LLMEngineFineTuningHandler()


@pytest.mark.parametrize("api", ["v1", "v2"])
@pytest.mark.parametrize("call", endpoints.ALL, ids=endpoints.by_name)
async def test_answers_that_were_cut_off(call, api, make_llm, gateway, handler):
    """Over v1 the count of tokens says it: there are as many as `max_new_tokens`."""
    all_of_them = LLMEngineFineTuningHandler(truncated=True)
    llm = make_llm(api=api, callback_manager=CallbackManager([handler, all_of_them]))
    gateway.replies += [said("Rome is old"), said("Rome is", finish_reason="length")]
    for limit in (5, 2):
        await call(llm, "Rome?", max_new_tokens=limit)
    assert [row.response for row in handler.rows] == ["Rome is old"]
    assert [row.response for row in all_of_them.rows] == ["Rome is old", "Rome is"]
    assert (handler.left_out, all_of_them.left_out) == ({"truncated": 1}, {})


def test_the_first_of_each_kind_is_logged(make_llm, gateway, handler, caplog):
    llm = make_llm(callback_manager=CallbackManager([handler]))
    gateway.replies += [said("Rome is", finish_reason="length")] * 3 + [said(" ")]
    for _ in range(4):
        llm.complete("Rome?")
    assert handler.left_out == {"truncated": 3, "empty": 1}
    logged = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(logged) == 2
    assert "it was cut off at its token limit" in logged[0]
    assert "left_out" in logged[0]


@pytest.mark.parametrize("call", endpoints.CHATS, ids=endpoints.by_name)
async def test_answers_that_are_not_whole(call, make_llm, gateway, handler):
    llm = make_llm(callback_manager=CallbackManager([handler]))
    gateway.replies += [
        said("I will look it up.", calls=[("weather", "{}")]),
        said("Rome", finish_reason="content_filter"),
        said(" \n", finish_reason="stop"),
        said("a\0b", finish_reason="stop"),
        said("Rome", finish_reason="abort"),
    ]
    for _ in range(5):
        await call(llm, "Rome?")
    gateway.refusals.append(httpx.Response(400, json={"detail": "no"}))
    with pytest.raises(BadRequestError):
        await call(llm, "Rome?")
    assert handler.rows == []
    counted = ["tool_calls", "filtered", "empty", "unwritable", "unfinished", "failed"]
    assert handler.left_out == dict.fromkeys(counted, 1)


def test_json_that_is_none(make_llm, gateway, handler):
    class City(BaseModel):
        name: str

    llm = make_llm(callback_manager=CallbackManager([handler]))
    gateway.replies += [said('{"name": "Rome"}', finish_reason="stop"), said('{"name": "Ro', finish_reason="stop")]
    assert llm.structured_predict(City, PromptTemplate("Which?")).name == "Rome"
    with pytest.raises(ValueError, match="City"):
        llm.structured_predict(City, PromptTemplate("Which?"))
    assert [row.response for row in handler.rows] == ['{"name": "Rome"}']
    assert handler.left_out == {"not_json": 1}
    assert handler._json == set()


def test_a_chat_with_an_image_needs_a_prompt_of_your_own(make_llm, handler):
    own = LLMEngineFineTuningHandler(messages_to_prompt=lambda messages: f"[image] {messages[-1].content}")
    llm = make_llm(callback_manager=CallbackManager([handler, own]))
    image = ImageBlock(url="https://example.invalid/a.png")
    llm.chat([ChatMessage(role="user", blocks=[TextBlock(text="What is this?"), image])])
    assert (handler.rows, handler.left_out) == ([], {"not_text": 1})
    assert [row.prompt for row in own.rows] == ["[image] What is this?"]


def test_other_packages_words_for_why_an_answer_ended(handler):
    def end(**told):
        answer = ChatResponse(message=ChatMessage("Rome", role="assistant"), **told)
        seen = {EventPayload.MESSAGES: endpoints.chat_of("Rome?"), EventPayload.RESPONSE: answer}
        handler.on_event_end(CBEventType.LLM, seen, event_id=str(told))

    end(raw={"choices": [{"finish_reason": "length", "stop_reason": None}]})
    end(raw={"stop_reason": "max_tokens"})
    end(raw={"done_reason": "length"})
    end(raw={"choices": []}, additional_kwargs={"finish_reason": "length"})
    assert handler.rows == []
    end(raw={"choices": [{"finish_reason": "stop", "stop_reason": "user:"}]})
    end(raw={"stop_reason": "end_turn"})
    end(raw=["unknown"])
    assert len(handler.rows) == 3
    assert handler.left_out == {"truncated": 4}
