"""The backend of a client when the user's own httpx client is of the other kind. It sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Self

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from .backend import Outgoing

_SAYS = (
    "The {given} given for {these} calls cannot send {other} ones, so nothing was sent. Pass {name}={needed}(...) with the same proxies "
    "and certificates, or {client}(..., http_client={needed}(...))."
)


class RefusingBackend:
    """Refuses the blocking calls of a client whose settings are those of an `AsyncClient` with an `http_client`."""

    def send(self, outgoing: Outgoing) -> NoReturn:  # noqa: ARG002 - nothing is sent
        """Refuse.

        Raises:
            ConfigurationError: Always. It says what to pass.
        """
        raise ConfigurationError(
            _SAYS.format(
                given="httpx.AsyncClient",
                these="asynchronous",
                other="blocking",
                name="http_client",
                needed="httpx.Client",
                client="client=Client",
            )
        )

    def for_other_hosts(self, proxy: str | None) -> Self:  # noqa: ARG002 - nothing is sent
        """Return the same backend, because other hosts are also reached only through the user's client."""
        return self

    def close(self) -> None:
        """Do nothing: it has no connections."""


class AsyncRefusingBackend:
    """The same for the asynchronous calls of a client whose settings are those of a `Client` with an `http_client`."""

    async def send(self, outgoing: Outgoing) -> NoReturn:  # noqa: ARG002 - nothing is sent
        """Refuse, as `RefusingBackend.send` does."""
        raise ConfigurationError(
            _SAYS.format(
                given="httpx.Client",
                these="blocking",
                other="asynchronous",
                name="http_async_client",
                needed="httpx.AsyncClient",
                client="async_client=AsyncClient",
            )
        )

    def for_other_hosts(self, proxy: str | None) -> Self:  # noqa: ARG002 - nothing is sent
        """Return the same backend, because other hosts are also reached only through the user's client."""
        return self

    async def close(self) -> None:
        """Do nothing: it has no connections."""
