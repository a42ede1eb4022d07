"""What every route that generates needs."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from .auth import Authenticator
from .registry import Registry
from .scheduler import Scheduler


@dataclass(frozen=True)
class InferenceRoutes:
    """The base of the routes that generate.

    Args:
        registry: the names that are served.
        scheduler: runs the models.
        authenticator: checks keys.
        ping_interval: seconds between the keep-alive comments of a stream.
    """

    registry: Registry
    scheduler: Scheduler
    authenticator: Authenticator
    _: KW_ONLY
    ping_interval: float
