"""Where the calls of this package go: upstream's process-wide settings, and the clients made from them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

from ..core._settings import Settings
from ..core.client import AsyncClient, Client
from ..core.transport.async_transport import AsyncTransport
from ..core.transport.sync_transport import SyncTransport

Headers: TypeAlias = Mapping[str, str] | None
"""Headers of one call. They override the client's own."""

_base_path: str | None = None
_api_key: str | None = None


def set_base_path(path: str | None) -> None:
    """Send the calls of this process to a gateway, whatever the environment says. None means that the environment decides again."""
    global _base_path  # noqa: PLW0603 - upstream's settings are process-wide; `Client` has its own
    _base_path = path


def get_base_path() -> str:
    """Return where calls go: the path that was set, else `LLM_ENGINE_BASE_PATH`, else the embedded engine's address.

    Raises:
        ConfigurationError: It is not a valid http(s) URL.
    """
    return Settings.resolve(base_url=_base_path, api_key="not asked for").base_url


def set_api_key(key: str | None) -> None:
    """Send a key with the calls of this process, whatever the environment says. None means that the environment decides again."""
    global _api_key  # noqa: PLW0603 - upstream's settings are process-wide
    _api_key = key


def get_api_key() -> str:
    """Return the key that calls send: the key that was set, else `SCALE_API_KEY`, else a placeholder for a server on loopback.

    Raises:
        ConfigurationError: There is no key, and the server is not on loopback.
    """
    return _settings(None).api_key


def blocking(headers: Headers) -> SyncTransport:
    """Return a transport for a blocking call that is made now. Its connections are kept for later calls.

    Raises:
        ConfigurationError: The base path or a header is malformed, or there is no key for a server that is not on loopback.
    """
    settings = _settings(headers)
    client = _client(settings.base_url, settings.api_key)
    return _With(client, settings) if headers else client._transport  # noqa: SLF001 - one package


def awaited(headers: Headers) -> AsyncTransport:
    """Return a transport for an async call, as `blocking` does for a blocking one."""
    settings = _settings(headers)
    client = _async_client(settings.base_url, settings.api_key)
    return _AsyncWith(client, settings) if headers else client._transport  # noqa: SLF001 - one package


class _With(SyncTransport):
    """A client's connections, with the headers of one call."""

    def __init__(self, client: Client, settings: Settings) -> None:
        super().__init__(settings, client._transport._backend)  # noqa: SLF001 - one package
        self._client = client  # the client closes its connections when it is garbage-collected


class _AsyncWith(AsyncTransport):
    """The async version."""

    def __init__(self, client: AsyncClient, settings: Settings) -> None:
        super().__init__(settings, client._transport._backend)  # noqa: SLF001 - one package
        self._client = client


def _settings(headers: Headers) -> Settings:
    return Settings.resolve(base_url=_base_path, api_key=_api_key, default_headers=headers)


# Threads may call these at the same time. At worst each makes its own client, and all but one of those are dropped after the call.
@lru_cache(maxsize=128)
def _client(base_url: str, api_key: str) -> Client:
    return Client(base_url, api_key)


@lru_cache(maxsize=128)
def _async_client(base_url: str, api_key: str) -> AsyncClient:
    return AsyncClient(base_url, api_key)
