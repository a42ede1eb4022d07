"""The base of all routes that generate text."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from ...registry import Registry
from ...runtime.dispatcher import Runtimes
from ..auth import Authenticator


@dataclass(frozen=True)
class InferenceRoutes:
    """The base of the routes that generate text.

    Args:
        registry: the names that are served.
        runtimes: run the models.
        authenticator: checks keys.
        ping_interval: seconds between the keep-alive comments of a stream.
    """

    registry: Registry
    runtimes: Runtimes
    authenticator: Authenticator
    _: KW_ONLY
    ping_interval: float
