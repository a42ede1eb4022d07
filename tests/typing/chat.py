"""The types of `client.chat` and `client.text_completions`; only checked, never run."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import assert_type

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.wire.chat import ChatCompletion, ChatCompletionChunk
from llmengine_integrations.wire.text_completions import TextCompletion


def blocking(client: Client) -> None:
    assert_type(client.chat.create("m", [{"role": "user", "content": "hi"}], temperature=0), ChatCompletion)
    opened = client.chat.stream("m", [{"role": "user", "content": "hi"}])
    assert_type(opened, AbstractContextManager[Iterator[ChatCompletionChunk]])
    assert_type(client.text_completions.create("m", "hi"), TextCompletion)
    assert_type(client.text_completions.stream("m", "hi"), AbstractContextManager[Iterator[TextCompletion]])


async def awaited(client: AsyncClient) -> None:
    assert_type(await client.chat.create("m", [{"role": "user", "content": "hi"}], temperature=0), ChatCompletion)
    opened = client.chat.stream("m", [{"role": "user", "content": "hi"}])
    assert_type(opened, AbstractAsyncContextManager[AsyncIterator[ChatCompletionChunk]])
    assert_type(await client.text_completions.create("m", "hi"), TextCompletion)
    assert_type(client.text_completions.stream("m", "hi"), AbstractAsyncContextManager[AsyncIterator[TextCompletion]])


def refused(client: Client) -> None:
    client.chat.create("m")  # type: ignore[call-arg]
