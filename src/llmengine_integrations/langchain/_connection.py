"""The fields that say where the server of this package's models is, and the clients made from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from langchain_core.load.serializable import Serializable
from pydantic import AliasChoices, ConfigDict, Field, SecretStr
from typing_extensions import override

from .. import AsyncClient, Client, Clients
from ..types import HttpAsyncClient, HttpClient
from ._options import check_known, check_once


class Connected(Serializable):
    """What a model needs to reach LLM Engine. The clients read the environment; this class does not."""

    # An error about a wrong field must not show the key that was given with it.
    model_config = ConfigDict(arbitrary_types_allowed=True, hide_input_in_errors=True)

    base_url: str | None = None
    """The gateway's address, without credentials. Default: `LLM_ENGINE_BASE_PATH`, then the embedded engine on loopback."""
    api_key: SecretStr | None = None
    """Default: `SCALE_API_KEY`, or the key of a given client. A server on loopback needs no key. Not serialized, not pickled."""
    timeout: Any = None
    """Seconds to wait for the next byte (600 by default), or an `httpx.Timeout`."""
    max_retries: int | None = None
    """The number of tries after the first one; 0 for none. Default: 2, or that of a given client."""
    default_headers: dict[str, str] | None = Field(default=None, exclude=True, repr=False)
    """Sent with every request. They override the client's own headers. Not serialized, because they may hold keys."""
    allow_http: bool = Field(default=False, exclude=True)
    """Whether the key may be sent unencrypted to a server that is not on loopback. Not serialized."""
    http_client: HttpClient | None = Field(default=None, exclude=True, repr=False)
    """An httpx client for blocking calls, for proxies or certificates. Asynchronous calls then need `http_async_client`. Not serialized."""
    http_async_client: HttpAsyncClient | None = Field(default=None, exclude=True, repr=False)
    """An httpx client for asynchronous calls. Not serialized."""
    client: Client | None = Field(default=None, exclude=True, repr=False)
    """A client to use for blocking calls. Asynchronous calls get its settings. Not serialized."""
    async_client: AsyncClient | None = Field(default=None, exclude=True, repr=False)
    """A client to use for asynchronous calls. Blocking calls get its settings. Not serialized."""
    connection: Clients | None = Field(default=None, exclude=True, repr=False)
    """Internal. It is a field so that the instances that `configurable_fields` makes for each call share their connections."""

    if not TYPE_CHECKING:  # type checkers derive the signature from the fields

        def __init__(self, **fields: Any) -> None:
            _check_names(fields, constructor_names(type(self)))
            super().__init__(**fields)
            self._connected()  # not in a validator: pydantic would wrap the client's ConfigurationError

    def _connected(self) -> Clients:
        clients = Clients.of(self, self.connection)
        if clients is not self.connection:
            self.connection = clients
            self.base_url, self.max_retries = clients.base_url, clients.max_retries
            if (key := clients.api_key) is not None:
                self.api_key = SecretStr(key)
            clients.shown_by(self)
        return clients

    @classmethod
    @override
    def is_lc_serializable(cls) -> bool:
        """Return True. The key is left out."""
        return True

    @property
    @override
    def lc_secrets(self) -> dict[str, str]:
        """Return where the key is read from when a serialized model is loaded."""
        return {"api_key": "SCALE_API_KEY"}

    @property
    @override
    def lc_attributes(self) -> dict[str, Any]:
        """Return the resolved base URL, without credentials."""
        return {"base_url": self._connected().base_url}

    @override
    def __getstate__(self) -> dict[Any, Any]:
        """Return what a pickle holds: the settings, but neither key nor client. When it is loaded, the key comes from the environment."""
        state = super().__getstate__()
        return {**state, "__dict__": {**state["__dict__"], **self._connected().portable(), "connection": None}}

    @override
    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Return a copy with the same clients, because connections cannot be copied."""
        shared = {id(one): one for one in (self.http_client, self.http_async_client) if one is not None}
        return super().__deepcopy__({**(memo or {}), **shared})


@cache
def constructor_names(model: type[Connected]) -> Mapping[str, str]:
    """Return every name that the constructor accepts, with the name of its field."""
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
