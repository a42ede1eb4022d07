"""The fields that say where LLM Engine is, and the clients made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.schema import BaseComponent
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr
from pydantic.json_schema import SkipJsonSchema
from typing_extensions import override

from .. import AsyncClient, Client
from ._options import ALIASES, check_known

_NOT_PICKLED = ("api_key", "client", "async_client")


class Connected(BaseComponent):
    """What a component needs to reach LLM Engine. The environment is read by the clients, not here."""

    # An error of a wrong field must not show the key that was given beside it.
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
    max_retries: int = Field(default=2, description="Tries after the first one; 0 for none.", ge=0)
    client: SkipJsonSchema[Client | None] = Field(
        default=None, exclude=True, repr=False, description="A client to use for blocking calls. Not serialized."
    )
    async_client: SkipJsonSchema[AsyncClient | None] = Field(
        default=None, exclude=True, repr=False, description="A client to use for async calls. Not serialized."
    )

    _client: Client | None = PrivateAttr(default=None)
    _async_client: AsyncClient | None = PrivateAttr(default=None)

    if not TYPE_CHECKING:  # type checkers derive the signature from the fields

        def __init__(self, **fields: Any) -> None:
            names = type(self).model_fields
            given: dict[str, Any] = {}
            fields.pop("class_name", None)  # LlamaIndex writes it beside the fields
            for key, value in fields.items():
                name = key if key in names else ALIASES.get(key, key)
                check_known(name if name in names else key, names)
                if name in given:
                    raise TypeError(f"{name!r} is given twice, once as {key!r}")
                given[name] = value
            super().__init__(**given)
            self._connect()  # not in a validator: pydantic would wrap the client's ConfigurationError

    def _connect(self) -> None:
        """Resolve the base URL, so that what is serialized says where it goes.

        Raises:
            ConfigurationError: The base URL is none, or no key is set for a server beyond loopback.
        """
        given = self.client if self.client is not None else self.async_client
        self.base_url = (self._blocking() if given is None else given).base_url

    def _blocking(self) -> Client:
        """The client for blocking calls; it may be shared between threads."""
        if self.client is not None:
            return self.client
        if (made := self._client) is None:  # looked up once: pydantic makes that of a private attribute slow
            self._client = made = Client(**self._arguments())
        return made

    def _awaiting(self) -> AsyncClient:
        """The client for async calls; it may be shared between event loops."""
        if self.async_client is not None:
            return self.async_client
        if (made := self._async_client) is None:
            self._async_client = made = AsyncClient(**self._arguments())
        return made

    def _arguments(self) -> dict[str, Any]:
        return {
            "base_url": self.base_url,
            "api_key": None if self.api_key is None else self.api_key.get_secret_value(),
            "timeout": self.timeout,
            "max_retries": self.max_retries,
        }

    @override
    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds: neither key nor client. Where it is loaded, the key comes from the environment."""
        bare = self.model_copy(update=dict.fromkeys(_NOT_PICKLED))
        bare._client = bare._async_client = None  # noqa: SLF001 - a copy of self
        return super(Connected, bare).__getstate__()
