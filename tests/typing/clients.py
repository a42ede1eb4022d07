"""The types of the clients themselves; only checked, never run."""

from typing import assert_type

import httpx

from llmengine_integrations import AsyncClient, Client, Timeout, __version__, errors
from llmengine_integrations.errors import APIStatusError, NotFoundError, StreamTruncatedError, ValidationError

VERSION: str = __version__


def blocking(client: Client) -> None:
    Client("http://h", "k", timeout=5, max_retries=0, default_headers={"a": "b"}, http_client=httpx.Client())
    Client(timeout=httpx.Timeout(5))
    Client(timeout=Timeout(total=5))
    with Client() as entered:
        assert_type(entered, Client)
    assert_type(client.close(), None)
    assert_type(client.base_url, str)


async def awaited(client: AsyncClient) -> None:
    AsyncClient("http://h", "k", timeout=5, max_retries=0, default_headers={"a": "b"}, http_client=httpx.AsyncClient())
    async with AsyncClient() as entered:
        assert_type(entered, AsyncClient)
    assert_type(await client.close(), None)
    assert_type(client.base_url, str)


def failures(error: errors.LLMEngineError) -> None:
    assert_type(error.status_code, int | None)
    assert_type(error.request_id, str | None)
    assert_type(error.message, str)
    if isinstance(error, APIStatusError):
        assert_type(error.headers, dict[str, str])
    if isinstance(error, ValidationError):
        assert_type(error.fields, list[str])
    if isinstance(error, StreamTruncatedError):
        assert_type(error.text, str)
    assert_type(errors.NotFoundError, type[NotFoundError])


class Subclass(Client):
    """A subclass stays one when it is entered."""


def subclassed() -> None:
    with Subclass() as entered:
        assert_type(entered, Subclass)


def refused() -> None:
    Client(http_client=httpx.AsyncClient())  # type: ignore[arg-type]
    Client("http://h", "k", 5)  # type: ignore[call-arg]
