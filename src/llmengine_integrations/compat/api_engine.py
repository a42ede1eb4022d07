"""Where the calls of this package go: the settings that upstream keeps for the whole process, and the clients made from them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

from ..core._settings import Settings
from ..core.client import AsyncClient, Client
from ..core.transport.async_transport import AsyncTransport
from ..core.transport.sync_transport import SyncTransport

Headers: TypeAlias = Mapping[str, str] | None
"""Headers of one call; they win over the client's own."""

_base_path: str | None = None
_api_key: str | None = None


def set_base_path(path: str | None) -> None:
    """Send the calls of this process to a gateway, whatever the environment says; None asks the environment again."""
    global _base_path  # noqa: PLW0603 - upstream's settings belong to the process; `Client` has its own
    _base_path = path


def get_base_path() -> str:
    """Where calls go: what was set, else `LLM_ENGINE_BASE_PATH`, else the embedded engine's address.

    Raises:
        ConfigurationError: That is not a valid http(s) URL.
    """
    return Settings.resolve(base_url=_base_path, api_key="not asked for").base_url


def set_api_key(key: str | None) -> None:
    """Send a key with the calls of this process, whatever the environment says; None asks the environment again."""
    global _api_key  # noqa: PLW0603 - as above
    _api_key = key


def get_api_key() -> str:
    """The key that calls carry: what was set, else `SCALE_API_KEY`, else a placeholder that a server on loopback takes.

    Raises:
        ConfigurationError: There is none, and the server is not on loopback.
    """
    return _settings(None).api_key


def blocking(headers: Headers) -> SyncTransport:
    """What runs a blocking call that is made now; its connections are kept for later ones.

    Raises:
        ConfigurationError: The base path or a header is malformed, or there is no key for a server beyond loopback.
    """
    settings = _settings(headers)
    client = _client(settings.base_url, settings.api_key)
    return _With(client, settings) if headers else client._transport  # noqa: SLF001 - one package


def awaited(headers: Headers) -> AsyncTransport:
    """What runs an awaited call, as `blocking` does a blocking one."""
    settings = _settings(headers)
    client = _async_client(settings.base_url, settings.api_key)
    return _AsyncWith(client, settings) if headers else client._transport  # noqa: SLF001 - one package


class _With(SyncTransport):
    """A client's connections, with the headers of one call."""

    def __init__(self, client: Client, settings: Settings) -> None:
        super().__init__(settings, client._transport._backend)  # noqa: SLF001 - one package
        self._client = client  # which closes its connections when nobody has it


class _AsyncWith(AsyncTransport):
    """The same for asyncio."""

    def __init__(self, client: AsyncClient, settings: Settings) -> None:
        super().__init__(settings, client._transport._backend)  # noqa: SLF001 - one package
        self._client = client


def _settings(headers: Headers) -> Settings:
    return Settings.resolve(base_url=_base_path, api_key=_api_key, default_headers=headers)


# Threads may call these at once. At worst each makes a client of its own, and all but one of those are forgotten after the call.
@lru_cache(maxsize=128)
def _client(base_url: str, api_key: str) -> Client:
    return Client(base_url, api_key)


@lru_cache(maxsize=128)
def _async_client(base_url: str, api_key: str) -> AsyncClient:
    return AsyncClient(base_url, api_key)
