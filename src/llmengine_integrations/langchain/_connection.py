"""The fields that say where the models of this package are, and the clients made from them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from langchain_core.load.serializable import Serializable
from pydantic import AliasChoices, ConfigDict, Field, SecretStr
from typing_extensions import override

from .. import AsyncClient, Client
from ._options import check_known, check_once

_NOT_PICKLED = ("api_key", "client", "async_client", "connection")
_MAKING = threading.Lock()
"""Held while a client is made, so that threads which need it at the same time get the same one."""


class _Settings(NamedTuple):
    base_url: str | None
    api_key: SecretStr | None
    timeout: Any
    max_retries: int
    client: Client | None
    async_client: AsyncClient | None


class Connection:
    """The clients of a model and of its copies: the given ones, else made from the settings, once.

    Both clients may be shared, between threads and between event loops.
    """

    def __init__(self, settings: _Settings) -> None:
        self._client = settings.client
        self._async_client = settings.async_client
        self._arguments: dict[str, Any] = {
            "base_url": settings.base_url,
            "api_key": None if settings.api_key is None else settings.api_key.get_secret_value(),
            "timeout": settings.timeout,
            "max_retries": settings.max_retries,
        }
        given = settings.client if settings.client is not None else settings.async_client
        source = self.client if given is None else given
        self.base_url = self._arguments["base_url"] = source.base_url
        if settings.api_key is None and source.api_key is not None:
            self._arguments["api_key"] = source.api_key
            settings = settings._replace(api_key=SecretStr(source.api_key))
        self.settings = settings._replace(base_url=self.base_url)

    @classmethod
    def of(
        cls,
        *,
        base_url: str | None,
        api_key: SecretStr | str | None,
        timeout: Any,
        max_retries: int,
        client: Client | None,
        async_client: AsyncClient | None,
    ) -> Self:
        """From settings that no pydantic model has checked."""
        key = SecretStr(api_key) if isinstance(api_key, str) else api_key
        return cls(_Settings(base_url, key, timeout, max_retries, client, async_client))

    @property
    def client(self) -> Client:
        """The blocking client."""
        with _MAKING:
            if self._client is None:
                self._client = Client(**self._arguments)
            return self._client

    @property
    def async_client(self) -> AsyncClient:
        """The client for asyncio."""
        with _MAKING:
            if self._async_client is None:
                self._async_client = AsyncClient(**self._arguments)
            return self._async_client

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds: neither key nor client. Where it is loaded, the key comes from the environment."""
        return {name: value for name, value in self._arguments.items() if name != "api_key"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(_Settings(**state, api_key=None, client=None, async_client=None))


class Connected(Serializable):
    """What a model needs to reach LLM Engine. The environment is read by the clients, not here."""

    # An error of a wrong field must not show the key that was given beside it.
    model_config = ConfigDict(arbitrary_types_allowed=True, hide_input_in_errors=True)

    base_url: str | None = None
    """Where the gateway is, without credentials. Default: `LLM_ENGINE_BASE_PATH`, then the embedded engine on loopback."""
    api_key: SecretStr | None = None
    """Default: `SCALE_API_KEY`, or that of a given client; a server on loopback needs none. Not serialized, not pickled."""
    timeout: Any = None
    """Seconds to wait for the next byte (600 by default), or an `httpx.Timeout`."""
    max_retries: int = 2
    """Tries after the first one; 0 for none."""
    client: Client | None = Field(default=None, exclude=True, repr=False)
    """A client to use for blocking calls, instead of one made from the fields above. Not serialized, not pickled."""
    async_client: AsyncClient | None = Field(default=None, exclude=True, repr=False)
    """A client to use for async calls. Not serialized, not pickled."""
    connection: Connection | None = Field(default=None, exclude=True, repr=False)
    """Internal. A field, so that the instances which `configurable_fields` makes for each call share their connections."""

    if not TYPE_CHECKING:  # type checkers derive the signature from the fields

        def __init__(self, **fields: Any) -> None:
            _check_names(fields, _names(type(self)))
            super().__init__(**fields)
            self._connected()  # not in a validator: pydantic would wrap the client's ConfigurationError

    def _connected(self) -> Connection:
        settings = _Settings(
            self.base_url, self.api_key, self.timeout, self.max_retries, self.client, self.async_client
        )
        if self.connection is None or self.connection.settings != settings:
            self.connection = Connection(settings)
            self.base_url, self.api_key = self.connection.settings[:2]
        return self.connection

    @classmethod
    @override
    def is_lc_serializable(cls) -> bool:
        """Yes; the key is left out."""
        return True

    @property
    @override
    def lc_secrets(self) -> dict[str, str]:
        """Where the key is read from when a serialized model is loaded."""
        return {"api_key": "SCALE_API_KEY"}

    @property
    @override
    def lc_attributes(self) -> dict[str, Any]:
        """The resolved base URL, without credentials."""
        return {"base_url": self._connected().base_url}

    @override
    def __getstate__(self) -> dict[Any, Any]:
        """What a pickle holds: neither key nor client. Where it is loaded, the key comes from the environment."""
        state = super().__getstate__()
        return {**state, "__dict__": {**state["__dict__"], **dict.fromkeys(_NOT_PICKLED)}}


@cache
def _names(model: type[Connected]) -> Mapping[str, str]:
    """Every name that the constructor takes, with its field's own."""
    names = {name: name for name in model.model_fields}
    for name, field in model.model_fields.items():
        if isinstance(field.validation_alias, AliasChoices):
            names |= {str(alias): name for alias in field.validation_alias.choices}
    return names


def _check_names(given: Iterable[str], names: Mapping[str, str]) -> None:
    by_field: dict[str, str] = {}
    for name in given:
        check_known(name, names)
        check_once(names[name], name, by_field)
