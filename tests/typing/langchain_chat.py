"""The types of the LangChain chat model; only checked, never run."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import LLMResult
from langchain_core.runnables import Runnable

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.langchain import ChatLLMEngine


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def formatted(messages: list[dict[str, str]]) -> str:
    return str(messages)


def constructed(client: Client, async_client: AsyncClient) -> None:
    assert_type(
        ChatLLMEngine(model="m", api_key="k", temperature=0, stop="A", client=client, tags=["t"]), ChatLLMEngine
    )
    assert_type(
        ChatLLMEngine(model_name="m", max_tokens=3, stop_sequences=["x"], async_client=async_client), ChatLLMEngine
    )
    assert_type(ChatLLMEngine(model="m", api="v1", formatter=formatted, role_stops=["User:"]), ChatLLMEngine)
    assert_type(ChatLLMEngine(model="m", api="v1", chat_template="{{ messages }}", n=1, seed=2), ChatLLMEngine)


def called(chat: ChatLLMEngine) -> None:
    assert_type(chat.invoke("hi", max_tokens=3), AIMessage)
    assert_type(chat.batch(["hi"]), list[AIMessage])
    assert_type(chat.stream("hi"), Iterator[AIMessageChunk])
    assert_type(chat.generate([]), LLMResult)
    assert_type(chat.bind_tools([add], tool_choice="any", strict=True), Runnable[LanguageModelInput, AIMessage])
    assert_type(
        chat.with_structured_output({"type": "object"}, method="json_schema"), Runnable[LanguageModelInput, Any]
    )


async def called_async(chat: ChatLLMEngine) -> None:
    assert_type(await chat.ainvoke("hi", max_tokens=3), AIMessage)
    assert_type(await chat.abatch(["hi"]), list[AIMessage])
    assert_type(chat.astream("hi"), AsyncIterator[AIMessageChunk])
    assert_type(await chat.agenerate([]), LLMResult)


def refused(chat: ChatLLMEngine) -> None:
    ChatLLMEngine(model="m", api="v3")  # type: ignore[arg-type]
    chat.with_structured_output({}, method="magic")  # type: ignore[arg-type]
