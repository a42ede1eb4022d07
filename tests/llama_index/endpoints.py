"""The eight endpoints of a language model, under one signature, so that a test can hold for all of them."""

from __future__ import annotations

from llama_index.core.base.llms.types import ChatMessage


def chat_of(prompt):
    return [ChatMessage(role="user", content=prompt)]


async def chat(llm, prompt, **kwargs):
    return [llm.chat(chat_of(prompt), **kwargs)]


async def achat(llm, prompt, **kwargs):
    return [await llm.achat(chat_of(prompt), **kwargs)]


async def stream_chat(llm, prompt, **kwargs):
    return list(llm.stream_chat(chat_of(prompt), **kwargs))


async def astream_chat(llm, prompt, **kwargs):
    return [one async for one in await llm.astream_chat(chat_of(prompt), **kwargs)]


async def complete(llm, prompt, **kwargs):
    return [llm.complete(prompt, **kwargs)]


async def acomplete(llm, prompt, **kwargs):
    return [await llm.acomplete(prompt, **kwargs)]


async def stream_complete(llm, prompt, **kwargs):
    return list(llm.stream_complete(prompt, **kwargs))


async def astream_complete(llm, prompt, **kwargs):
    return [one async for one in await llm.astream_complete(prompt, **kwargs)]


CHATS = [chat, achat, stream_chat, astream_chat]
COMPLETIONS = [complete, acomplete, stream_complete, astream_complete]
STREAMS = [stream_chat, astream_chat, stream_complete, astream_complete]
ALL = CHATS + COMPLETIONS


def text_of(response):
    return response.message.content if hasattr(response, "message") else response.text


def by_name(call):
    return call.__name__
