"""The connection fields, and the clients created from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from llama_index.core.schema import BaseComponent
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr
from pydantic.json_schema import SkipJsonSchema
from typing_extensions import override

from .. import AsyncClient, Client, Clients
from ..types import HttpAsyncClient, HttpClient
from ._options import ALIASES, check_known


class Connected(BaseComponent):
    """The base of components that connect to LLM Engine. The clients read the environment; this class does not."""

    # An error about an invalid field must not show the key that was given with it.
    model_config = ConfigDict(arbitrary_types_allowed=True, hide_input_in_errors=True)

    base_url: str | None = Field(
        default=None,
        description="Where the gateway is. Default: `LLM_ENGINE_BASE_PATH`, then the embedded engine on loopback.",
    )
    api_key: SecretStr | None = Field(
        default=None,
        exclude=True,
        description="Default: `SCALE_API_KEY`. A server on loopback needs none. Not serialized, not pickled.",
    )
    timeout: Any = Field(
        default=None,
        exclude=True,
        description="Seconds to wait for the next byte (600 by default), or an `httpx.Timeout`. Not serialized.",
    )
    max_retries: int | None = Field(
        default=None, description="Tries after the first one; 0 for none. Default: 2, or those of a given client.", ge=0
    )
    default_headers: dict[str, str] | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Sent with every request; they win over the client's own. Not serialized: they may hold keys.",
    )
    allow_http: bool = Field(
        default=False,
        exclude=True,
        description="Whether the key may be sent to a server beyond loopback in the clear. Not serialized.",
    )
    http_client: SkipJsonSchema[HttpClient | None] = Field(
        default=None, exclude=True, repr=False, description="An httpx client for blocking calls. Not serialized."
    )
    http_async_client: SkipJsonSchema[HttpAsyncClient | None] = Field(
        default=None, exclude=True, repr=False, description="An httpx client for asynchronous calls. Not serialized."
    )
    client: SkipJsonSchema[Client | None] = Field(
        default=None, exclude=True, repr=False, description="A client to use for blocking calls. Not serialized."
    )
    async_client: SkipJsonSchema[AsyncClient | None] = Field(
        default=None, exclude=True, repr=False, description="A client to use for asynchronous calls. Not serialized."
    )

    _clients: Clients | None = PrivateAttr(default=None)

    if not TYPE_CHECKING:  # type checkers derive the signature from the fields

        def __init__(self, **fields: Any) -> None:
            names = type(self).model_fields
            given: dict[str, Any] = {}
            fields.pop("class_name", None)  # LlamaIndex serializes it with the fields
            for key, value in fields.items():
                name = key if key in names else ALIASES.get(key, key)
                check_known(name if name in names else key, names)
                if name in given:
                    raise TypeError(f"{name!r} is given twice, once as {key!r}")
                given[name] = value
            super().__init__(**given)
            self._connected()  # not in a validator: pydantic would wrap the client's ConfigurationError

    def _connected(self) -> Clients:
        """The clients. The base URL is resolved, so that a serialized component contains it.

        Raises:
            ConfigurationError: The base URL is invalid, a server beyond loopback has no key, or a setting contradicts a given client.
        """
        before = self._clients
        clients = Clients.of(self, before)
        if clients is not before:
            self._clients = clients
            self.base_url, self.max_retries = clients.base_url, clients.max_retries
            clients.shown_by(self)
        return clients

    def _blocking(self) -> Client:
        """The client for blocking calls, which threads may share."""
        return self._connected().client

    def _awaiting(self) -> AsyncClient:
        """The client for asynchronous calls, which event loops may share."""
        return self._connected().async_client

    def sharing(self, clients: Clients) -> Self:
        """Use the given clients, which must have the same settings. Returns the component itself."""
        self._clients = clients
        clients.shown_by(self)
        return self

    @override
    def __getstate__(self) -> dict[str, Any]:
        """The state for a pickle: the settings, without the key and the clients. After loading, the key comes from the environment."""
        bare = self.model_copy(update=self._connected().portable())
        bare._clients = None  # noqa: SLF001 - a copy of self
        return super(Connected, bare).__getstate__()

    @override
    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """A copy with the same clients, because connections cannot be copied."""
        shared = {id(one): one for one in (self.http_client, self.http_async_client) if one is not None}
        return super().__deepcopy__({**(memo or {}), **shared})
