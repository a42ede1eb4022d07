"""The types of `client.completions`; only checked, never run."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import assert_type

import httpx

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.wire.completions import Completion, CompletionChunk, CompletionOptions

OPTIONS: CompletionOptions = {"top_k": 5, "stop_sequences": ["\n"]}


def blocking(client: Client) -> None:
    assert_type(client.completions.create("m", "hi"), Completion)
    assert_type(client.completions.create(model="m", prompt="hi", temperature=0.5, timeout=3, **OPTIONS), Completion)
    assert_type(client.completions.create("m", "hi", timeout=httpx.Timeout(9), guided_choice=["a"]).output.text, str)
    assert_type(client.completions.stream("m", "hi"), AbstractContextManager[Iterator[CompletionChunk]])
    with client.completions.stream("m", "hi", top_p=0.5) as events:
        for event in events:
            assert_type(event, CompletionChunk)
            assert_type(event.output.text, str)


async def awaited(client: AsyncClient) -> None:
    assert_type(await client.completions.create("m", "hi"), Completion)
    assert_type(await client.completions.create(model="m", prompt="hi", timeout=3, **OPTIONS), Completion)
    assert_type(client.completions.stream("m", "hi"), AbstractAsyncContextManager[AsyncIterator[CompletionChunk]])
    async with client.completions.stream("m", "hi", top_p=0.5) as events:
        async for event in events:
            assert_type(event, CompletionChunk)


def refused(client: Client) -> None:
    client.completions.create("m")  # type: ignore[call-arg]
    client.completions.create("m", "hi", top_kk=5)  # type: ignore[call-arg]
    client.completions.create("m", "hi", top_k="5")  # type: ignore[arg-type]
    client.completions.create("m", 5)  # type: ignore[arg-type]
    for _ in client.completions.stream("m", "hi"):  # type: ignore[attr-defined]
        pass
