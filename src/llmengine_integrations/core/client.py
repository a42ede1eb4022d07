"""Client and AsyncClient: the same resources over two transports."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Generic, Self

from ._aiohttp import AiohttpBackend
from ._http import HttpxAsyncClientBackend, HttpxBackend, HttpxClientBackend
from ._resource import TransportT
from ._settings import Settings
from ._transport import AsyncTransport, SyncTransport
from .resources.completions import Completions
from .resources.models import Models

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    import httpx

    from ._timeouts import TimeoutLike


class _API(Generic[TransportT]):
    """Every resource, registered once."""

    def __init__(self, transport: TransportT) -> None:
        self._transport: TransportT = transport
        self.completions: Completions[TransportT] = Completions(transport)
        self.models: Models[TransportT] = Models(transport)

    @property
    def base_url(self) -> str:
        """Where the requests go, without a trailing slash."""
        return self._transport.settings.base_url

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"


class Client(_API[SyncTransport]):
    """Talks to LLM Engine, blocking. Safe to share between threads; use it as a context manager, or close it.

    Args:
        base_url: Where the gateway is; a path in it is kept. By default the environment variable `LLM_ENGINE_BASE_PATH`, then
            `LLM_ENGINE_SERVE_BASE_PATH`, then the embedded engine's `http://127.0.0.1:5005`.
        api_key: By default the environment variable `SCALE_API_KEY`. A server on loopback needs none.
        timeout: Seconds to wait for the next byte (600 by default: the gateway waits up to five minutes for a cold model), or an
            `httpx.Timeout`. A connection is waited for at most 5 seconds.
        max_retries: Tries after the first one, 2 by default. Only what may be sent twice is tried again: reads and inference after
            connection errors, 408, 429, 502, 503, 504 and the gateway's "Upstream service error"; streams until their first event.
        default_headers: Sent with every request; they win over the client's own.
        http_client: An httpx client to use as it is, for proxies, certificates or tests. It is left open.

    Raises:
        ConfigurationError: The base URL is none, or no key is set for a server beyond loopback.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: TimeoutLike | None = None,
        max_retries: int = 2,
        default_headers: Mapping[str, str] | None = None,
        http_client: httpx.Client | None = None,
    ) -> None:
        settings = Settings.resolve(
            base_url=base_url,
            api_key=api_key,
            timeout=timeout,
            max_retries=max_retries,
            default_headers=default_headers,
        )
        backend = (
            HttpxClientBackend(http_client)
            if http_client is not None
            else HttpxBackend(secure=settings.secure, proxy=settings.proxy())
        )
        super().__init__(SyncTransport(settings, backend))
        weakref.finalize(self, backend.close)

    def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_API[AsyncTransport]):
    """Talks to LLM Engine from asyncio. Takes what `Client` takes; `http_client` is an `httpx.AsyncClient`.

    One client serves any number of event loops, each with connections of its own; they close with `close()`, or with their loop.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: TimeoutLike | None = None,
        max_retries: int = 2,
        default_headers: Mapping[str, str] | None = None,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        settings = Settings.resolve(
            base_url=base_url,
            api_key=api_key,
            timeout=timeout,
            max_retries=max_retries,
            default_headers=default_headers,
        )
        backend = (
            HttpxAsyncClientBackend(http_client)
            if http_client is not None
            else AiohttpBackend(secure=settings.secure, proxy=settings.proxy())
        )
        super().__init__(AsyncTransport(settings, backend))

    async def close(self) -> None:
        """Close this event loop's connections. A later call opens new ones."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
