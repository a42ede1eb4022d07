from __future__ import annotations

import pytest


@pytest.fixture
def langchain_llm(live):
    pytest.importorskip("langchain_core")
    from llmengine_integrations.langchain import LLMEngine  # noqa: PLC0415 - only where LangChain is installed

    return LLMEngine(model=live.model, max_new_tokens=8, temperature=0)


@pytest.fixture
def llama_index_llm(live):
    pytest.importorskip("llama_index.core")
    from llmengine_integrations.llama_index import LLMEngine  # noqa: PLC0415 - only where LlamaIndex is installed

    return LLMEngine(model=live.model, max_new_tokens=8, temperature=0)


async def test_langchain(langchain_llm):
    text = langchain_llm.invoke("Hello, my name is")
    assert text
    assert "".join(langchain_llm.stream("Hello, my name is"))
    assert await langchain_llm.ainvoke("Hello, my name is")
    assert len(langchain_llm.batch(["Hello", "The sky is"])) == 2


async def test_langchain_chat(live):
    pytest.importorskip("langchain_core")
    from llmengine_integrations.langchain import ChatLLMEngine  # noqa: PLC0415 - as above

    chat = ChatLLMEngine(model=live.model, max_tokens=8, temperature=0)
    reply = chat.invoke("Hello")
    assert reply.content
    assert reply.usage_metadata["output_tokens"] <= 8
    assert "".join([chunk.content async for chunk in chat.astream("Hello")])


async def test_llama_index(llama_index_llm):
    assert llama_index_llm.complete("Hello, my name is").text
    assert [part.text for part in llama_index_llm.stream_complete("Hello, my name is")][-1]
    assert (await llama_index_llm.acomplete("Hello, my name is")).text
