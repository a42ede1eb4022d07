"""Client and AsyncClient: the same resources over two transports."""

from __future__ import annotations

import weakref
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Self

from ._loading import load, loading
from ._resource import TransportT
from ._settings import API_KEY_VARIABLE, BASE_URL_VARIABLES, LOCAL_PLACEHOLDER, Settings, portable
from .transport.httpx_backend.backend import HttpxAsyncClientBackend, HttpxBackend, HttpxClientBackend
from .transport.refusing import AsyncRefusingBackend, RefusingBackend
from .transport.sync_transport import SyncTransport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from ._timeouts import TimeoutLike
    from .resources.batch_completions import BatchCompletions
    from .resources.chat import Chat
    from .resources.completions import Completions
    from .resources.files import Files
    from .resources.fine_tunes import FineTunes
    from .resources.models import Models
    from .resources.text_completions import TextCompletions
    from .transport.async_transport import AsyncTransport  # noqa: F401 - in the string below
    from .transport.backend import AsyncBackend, Backend
    from .transport.httpx_backend import HttpAsyncClient, HttpClient

__all__ = ["API_KEY_VARIABLE", "BASE_URL_VARIABLES", "AsyncClient", "Client"]


class _API(Generic[TransportT]):
    """Every resource, registered once: a line `name: Class[TransportT]` is found in `resources/name.py`."""

    completions: Completions[TransportT]
    chat: Chat[TransportT]
    text_completions: TextCompletions[TransportT]
    batch_completions: BatchCompletions[TransportT]
    fine_tunes: FineTunes[TransportT]
    models: Models[TransportT]
    files: Files[TransportT]

    def __init__(self, transport: TransportT, portable: dict[str, Any] | None) -> None:
        load(f"{__package__}.resources.{name}" for name in _API.__annotations__)
        self._transport: TransportT = transport
        self._portable = portable

    if not TYPE_CHECKING:  # type checkers know the resources only by their annotations

        def __getattr__(self, name: str) -> Any:
            """Return a resource, made on first use. Its module was loaded when the client was made."""
            if name not in _API.__annotations__:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
            kind, _, _ = _API.__annotations__[name].partition("[")
            resource = getattr(import_module(f"{__package__}.resources.{name}"), kind)(self._transport)
            self.__dict__[name] = resource
            return resource

    def __dir__(self) -> Iterable[str]:
        return {*super().__dir__(), *_API.__annotations__}

    @property
    def base_url(self) -> str:
        """The URL that requests are sent to, without a trailing slash."""
        return self._transport.settings.base_url

    @property
    def api_key(self) -> str | None:
        """The key that requests send. None if there is no key; a server on loopback then gets a placeholder."""
        key = self._transport.settings.api_key
        return None if key == LOCAL_PLACEHOLDER else key

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle holds: the arguments, but no key and no connection. Loading takes the key from the environment."""
        if self._portable is None:
            raise TypeError("A client with an http_client cannot be pickled; make a new client on the other side.")
        return self._portable

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)

    def __copy__(self) -> Self:
        return self  # a client can be shared

    def __deepcopy__(self, memo: object) -> Self:
        return self


class Client(_API[SyncTransport]):
    """Talks to LLM Engine, blocking. Safe to share between threads; use it as a context manager, or close it.

    Args:
        base_url: The gateway's address, which may have a path. By default the environment variable `LLM_ENGINE_BASE_PATH`, then
            `LLM_ENGINE_SERVE_BASE_PATH`, then the embedded engine's `http://127.0.0.1:5005`.
        api_key: By default the environment variable `SCALE_API_KEY`. A server on loopback needs none.
        timeout: Seconds to wait for the next byte (600 by default: the gateway waits up to five minutes for a cold model), or an
            `httpx.Timeout`, or a `Timeout`, whose `total` limits the whole request. A connection is waited for at most 5 seconds.
        max_retries: Tries after the first one, 2 by default. Only requests that may be sent twice are retried: reads and inference after
            connection errors, 408, 429, 502, 503, 504 and the gateway's "Upstream service error"; streams until their first event.
        default_headers: Sent with every request. They override the client's own.
        allow_http: Whether the key may be sent unencrypted to a server that is not on loopback. The environment variable
            `LLM_ENGINE_ALLOW_HTTP=1` permits it too. Otherwise such calls are refused.
        http_client: An httpx client to use unchanged, for proxies, certificates or tests; also over plain http. It is left open.

    Raises:
        ConfigurationError: The base URL is invalid, or no key is set for a server that is not on loopback.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: TimeoutLike | None = None,
        max_retries: int = 2,
        default_headers: Mapping[str, str] | None = None,
        allow_http: bool = False,
        http_client: HttpClient | None = None,
    ) -> None:
        settings = Settings.resolve(
            base_url=base_url,
            api_key=api_key,
            timeout=timeout,
            max_retries=max_retries,
            default_headers=default_headers,
            allow_http=allow_http or http_client is not None,
        )
        given = portable(base_url, timeout, max_retries, default_headers, allow_http=allow_http)
        self._start(settings, _sync_backend(settings, http_client), given if http_client is None else None)

    def _start(self, settings: Settings, backend: Backend, portable: dict[str, Any] | None) -> None:
        transport = SyncTransport(settings, backend)
        # Not tied to the client, because `Client().completions.stream(...)` outlives it.
        weakref.finalize(transport, backend.close)
        super().__init__(transport, portable)

    def to_async(self, http_client: HttpAsyncClient | None = None) -> AsyncClient:
        """Make an `AsyncClient` with all settings of this client: URL, key, headers, timeout, retries, `allow_http`.

        It has its own connections, so close it too. Asynchronous calls cannot use the proxies and certificates of this client's
        `http_client`. So if there is one, give one for them as well; without it, they raise `ConfigurationError` and send nothing.

        Args:
            http_client: An `httpx.AsyncClient` for the new client, used unchanged.
        """
        settings = self._transport.settings
        made = AsyncClient.__new__(AsyncClient)
        if http_client is not None:
            made._start(replace(settings, permitted=True), _async_backend(settings, http_client), None)  # noqa: SLF001 - of our own kind
        elif self._portable is None:
            made._start(settings, AsyncRefusingBackend(), None)  # noqa: SLF001 - of our own kind
        else:
            made._start(settings, _async_backend(settings, None), self._portable)  # noqa: SLF001 - of our own kind
        return made

    def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_API["AsyncTransport"]):
    """Talks to LLM Engine from asyncio. Accepts what `Client` accepts; `http_client` is an `httpx.AsyncClient`.

    One client serves any number of event loops, each with its own connections. These close with `close()`, or with their loop.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: TimeoutLike | None = None,
        max_retries: int = 2,
        default_headers: Mapping[str, str] | None = None,
        allow_http: bool = False,
        http_client: HttpAsyncClient | None = None,
    ) -> None:
        settings = Settings.resolve(
            base_url=base_url,
            api_key=api_key,
            timeout=timeout,
            max_retries=max_retries,
            default_headers=default_headers,
            allow_http=allow_http or http_client is not None,
        )
        given = portable(base_url, timeout, max_retries, default_headers, allow_http=allow_http)
        self._start(settings, _async_backend(settings, http_client), given if http_client is None else None)

    def _start(self, settings: Settings, backend: AsyncBackend, portable: dict[str, Any] | None) -> None:
        with loading():
            from .transport.async_transport import AsyncTransport  # noqa: PLC0415 - a program without asyncio does not load it

        super().__init__(AsyncTransport(settings, backend), portable)

    def to_sync(self, http_client: HttpClient | None = None) -> Client:
        """Make a `Client` with all settings of this client, as `Client.to_async` does in the other direction.

        Args:
            http_client: An `httpx.Client` for the new client, used unchanged. Without it, if this client has an `http_client`, blocking
                calls raise `ConfigurationError` and send nothing.
        """
        settings = self._transport.settings
        made = Client.__new__(Client)
        if http_client is not None:
            made._start(replace(settings, permitted=True), _sync_backend(settings, http_client), None)  # noqa: SLF001 - of our own kind
        elif self._portable is None:
            made._start(settings, RefusingBackend(), None)  # noqa: SLF001 - of our own kind
        else:
            made._start(settings, _sync_backend(settings, None), self._portable)  # noqa: SLF001 - of our own kind
        return made

    async def close(self) -> None:
        """Close this event loop's connections. A later call opens new ones."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def _sync_backend(settings: Settings, http_client: HttpClient | None) -> Backend:
    if http_client is not None:
        return HttpxClientBackend(http_client)
    return HttpxBackend(secure=settings.secure, proxy=settings.proxy())


def _async_backend(settings: Settings, http_client: HttpAsyncClient | None) -> AsyncBackend:
    with loading():
        from .transport.aiohttp_backend.backend import AiohttpBackend  # noqa: PLC0415 - a program without asyncio does not load it

    if http_client is not None:
        return HttpxAsyncClientBackend(http_client)
    return AiohttpBackend(secure=settings.secure, proxy=settings.proxy())
