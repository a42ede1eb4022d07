"""The two clients of an adapter. Only this module decides which settings each of them gets."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

from .._shared.thread_lock import ThreadLock
from ._settings import normalise_base_url
from ._timeouts import Timeout
from .client import AsyncClient, Client
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import SecretStr

    from ._settings import Settings
    from ._timeouts import TimeoutLike
    from .transport.httpx_backend import HttpAsyncClient, HttpClient

_making = ThreadLock()
"""Held while a client is made, so that threads that need it at the same time get the same one."""


class Connection(NamedTuple):
    """The connection settings of an adapter. An adapter that has fields has them under these names."""

    base_url: str | None = None
    api_key: SecretStr | str | None = None
    timeout: TimeoutLike | None = None
    max_retries: int | None = None
    default_headers: Mapping[str, str] | None = None
    allow_http: bool = False
    http_client: HttpClient | None = None
    http_async_client: HttpAsyncClient | None = None
    client: Client | None = None
    async_client: AsyncClient | None = None


_READ = attrgetter(*Connection._fields)


class Clients:
    """The blocking and the asynchronous client of an adapter. Both have the same settings; each is made when it is first used.

    * Without `client` and `async_client`, both are made from the settings.
    * With one of them, the other one is made with all of its settings: URL, key, headers, timeout, retries, `allow_http`.
    * A setting that is given together with a client must be the client's own: it is never ignored.
    * No call bypasses an `http_client`. If only calls of one kind have one, those of the other kind raise `ConfigurationError`, which
      says what to pass.

    Args:
        base_url: As in `Client`; so are `api_key` (also as a `SecretStr`), `timeout`, `max_retries`, `default_headers`, `allow_http`.
        api_key: See `base_url`.
        timeout: See `base_url`.
        max_retries: See `base_url`.
        default_headers: See `base_url`.
        allow_http: See `base_url`.
        http_client: An `httpx.Client` for the blocking calls.
        http_async_client: An `httpx.AsyncClient` for the asynchronous calls.
        client: A client to use for the blocking calls.
        async_client: A client to use for the asynchronous calls.

    Raises:
        ConfigurationError: The base URL is invalid, there is no key for a server that is not on loopback, or a setting contradicts a given
            client.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        api_key: SecretStr | str | None = None,
        timeout: TimeoutLike | None = None,
        max_retries: int | None = None,
        default_headers: Mapping[str, str] | None = None,
        allow_http: bool = False,
        http_client: HttpClient | None = None,
        http_async_client: HttpAsyncClient | None = None,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
    ) -> None:
        self.given = Connection(
            base_url,
            api_key,
            timeout,
            max_retries,
            default_headers,
            allow_http,
            http_client,
            http_async_client,
            client,
            async_client,
        )
        self.shown = self.given
        _check(self.given)
        if client is None and async_client is None:
            client, async_client = _first(self.given)
        self._client, self._async_client = client, async_client

    @classmethod
    def of(cls, owner: object, before: Clients | None = None) -> Clients:
        """Return the clients of an object with the arguments above as attributes: those of `before`, unless an attribute has changed since.

        An attribute that still has the value that was filled in (see `shown_by`) was not given by the user.
        """
        now: Connection = Connection(*_READ(owner))
        if before is None:
            return cls(**now._asdict())
        if now == before.shown:
            return before
        columns = zip(now, before.shown, before.given, strict=True)
        given: list[Any] = [asked if value == shown else value for value, shown, asked in columns]
        return cls(**dict(zip(Connection._fields, given, strict=True)))

    def shown_by(self, owner: object) -> None:
        """Remember the attributes of `owner`, now that it has filled in those that were not given, such as `base_url`."""
        self.shown = Connection(*_READ(owner))

    @property
    def client(self) -> Client:
        """The blocking client. Threads can share it."""
        if self._client is None:
            with _making:
                self._client = self._client or cast("AsyncClient", self._source).to_sync(self.given.http_client)
        return self._client

    @property
    def async_client(self) -> AsyncClient:
        """The client for asyncio. Event loops can share it."""
        if self._async_client is None:
            with _making:
                self._async_client = self._async_client or cast("Client", self._source).to_async(
                    self.given.http_async_client
                )
        return self._async_client

    @property
    def base_url(self) -> str:
        """The URL that requests are sent to, without a trailing slash."""
        return self._source.base_url

    @property
    def api_key(self) -> str | None:
        """The key that requests send; None without a key."""
        return self._source.api_key

    @property
    def max_retries(self) -> int:
        """The number of tries after the first one."""
        return _settings(self._source).max_retries

    def portable(self) -> dict[str, Any]:
        """Return what a pickle may hold, by the names of `Connection`: no key, no header that may hold one, and no client.

        Raises:
            TypeError: There is an `http_client`, which cannot be pickled.
        """
        if self.given.http_async_client is not None:
            self.async_client.__getstate__()
        states = [client.__getstate__() for client in (self._client, self._async_client) if client is not None]
        return {**Connection()._asdict(), **states[0], "base_url": self.base_url}

    @property
    def _source(self) -> Client | AsyncClient:
        """Return the client that the other one is made from."""
        return cast("Client | AsyncClient", self._client or self._async_client)

    def __repr__(self) -> str:
        return f"Clients(base_url={self.base_url!r})"

    def __getstate__(self) -> dict[str, Any]:
        return self.portable()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)

    def __copy__(self) -> Self:
        return self  # clients can be shared

    def __deepcopy__(self, memo: object) -> Self:
        return self


def _first(given: Connection) -> tuple[Client | None, AsyncClient | None]:
    """Return one client from the settings: that of a given httpx client, if there is one."""
    arguments: dict[str, Any] = {
        "base_url": given.base_url,
        "api_key": _revealed(given.api_key),
        "timeout": given.timeout,
        "default_headers": given.default_headers,
        "allow_http": given.allow_http,
    }
    if given.max_retries is not None:
        arguments["max_retries"] = given.max_retries
    if given.http_client is None and given.http_async_client is not None:
        return None, AsyncClient(**arguments, http_client=given.http_async_client)
    return Client(**arguments, http_client=given.http_client), None


def _check(given: Connection) -> None:
    """Refuse settings that the given clients would ignore.

    Raises:
        ConfigurationError: A setting differs from the client's own.
    """
    for name, client, http in (
        ("client", given.client, "http_client"),
        ("async_client", given.async_client, "http_async_client"),
    ):
        if client is None:
            continue
        differing = [*_differing(given, _settings(client)), *([http] if getattr(given, http) is not None else [])]
        if differing:
            raise ConfigurationError(
                f"{differing[0]} and {name} are both given, and the client has its own: it would be ignored. "
                f"Give {differing[0].replace('_async', '')} to the client instead."
            )


def _differing(given: Connection, own: Settings) -> Iterator[str]:
    """Yield the given settings that differ from a client's."""
    if given.base_url and normalise_base_url(given.base_url) != own.base_url:
        yield "base_url"
    if (key := _revealed(given.api_key)) and key.strip() != own.api_key:
        yield "api_key"
    if given.timeout is not None and Timeout.of(given.timeout) != own.timeouts:
        yield "timeout"
    if given.max_retries is not None and given.max_retries != own.max_retries:
        yield "max_retries"
    if any(own.headers.get(name.lower()) != value for name, value in (given.default_headers or {}).items()):
        yield "default_headers"
    if given.allow_http and not own.permitted:
        yield "allow_http"


def _settings(client: Client | AsyncClient) -> Settings:
    return client._transport.settings  # noqa: SLF001 - one package


def _revealed(key: SecretStr | str | None) -> str | None:
    return key if key is None or isinstance(key, str) else key.get_secret_value()
