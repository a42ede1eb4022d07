"""The types of the LlamaIndex adapter; only checked, never run."""

from typing import assert_type

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, LLMMetadata
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel

from llmengine_integrations import Client
from llmengine_integrations.llama_index import LLMEngine


class Person(BaseModel):
    name: str


def constructed(client: Client) -> None:
    assert_type(LLMEngine(model="m", api_key="k", temperature=0, stop=["\n"], client=client, top_k=3), LLMEngine)
    assert_type(LLMEngine(model_name="m", max_tokens=3, stop_sequences=["x"], return_token_log_probs=True), LLMEngine)
    assert_type(LLMEngine.from_endpoint("m", api="v1"), LLMEngine)


def called(llm: LLMEngine) -> None:
    messages = [ChatMessage(content="hi")]
    assert_type(llm.chat(messages, max_tokens=3), ChatResponse)
    assert_type(llm.complete("hi"), CompletionResponse)
    for response in llm.stream_chat(messages):
        assert_type(response, ChatResponse)
    for completion in llm.stream_complete("hi", formatted=True):
        assert_type(completion, CompletionResponse)
    assert_type(llm.get_tool_calls_from_response(llm.chat(messages)), list[ToolSelection])
    assert_type(llm.structured_predict(Person, PromptTemplate("{text}"), text="x"), Person)
    assert_type(llm.metadata, LLMMetadata)


async def also_awaited(llm: LLMEngine) -> None:
    messages = [ChatMessage(content="hi")]
    assert_type(await llm.achat(messages), ChatResponse)
    assert_type(await llm.acomplete("hi"), CompletionResponse)
    async for response in await llm.astream_chat(messages):
        assert_type(response, ChatResponse)
    async for completion in await llm.astream_complete("hi"):
        assert_type(completion, CompletionResponse)
    assert_type(await llm.astructured_predict(Person, PromptTemplate("{text}"), text="x"), Person)
    assert_type(await LLMEngine.afrom_endpoint("m"), LLMEngine)
