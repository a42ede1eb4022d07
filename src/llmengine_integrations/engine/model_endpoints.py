"""The routes under `/v1/llm/model-endpoints`."""

from __future__ import annotations

from typing import get_args

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from llmengine_integrations.wire.models import Model, ModelList, ModelOrder

from .auth import Authenticator
from .registry import Registry
from .replies import InvalidRequestError, error_item
from .scheduler import Scheduler

_ORDERS: tuple[str, ...] = get_args(ModelOrder)


class ModelRoutes:
    """What the engine serves.

    Args:
        registry: the names that are served.
        scheduler: knows which models are loaded.
        authenticator: checks keys.
    """

    def __init__(self, registry: Registry, scheduler: Scheduler, authenticator: Authenticator) -> None:
        self._registry = registry
        self._scheduler = scheduler
        self._authenticator = authenticator

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes, for the application."""
        return [
            Route("/v1/llm/model-endpoints", self._list, methods=["GET"]),
            Route("/v1/llm/model-endpoints/{name}", self._get, methods=["GET"]),
        ]

    async def _list(self, request: Request) -> Response:
        self._authenticator.check(request.headers)
        names = _ordered(self._registry.names, request.query_params.get("order_by"))
        wanted = request.query_params.get("name")
        listed = [self._describe(name) for name in names if not wanted or name == wanted]
        return Response(ModelList(model_endpoints=listed).model_dump_json(), media_type="application/json")

    async def _get(self, request: Request) -> Response:
        self._authenticator.check(request.headers)
        name: str = request.path_params["name"]
        if self._registry.model_of(name) is None:
            raise HTTPException(404, f"Model Endpoint {name}  was not found.")
        return Response(self._describe(name).model_dump_json(), media_type="application/json")

    def _describe(self, name: str) -> Model:
        return self._registry.describe(name, device=self._scheduler.device(self._registry.model_of(name) or name))


def _ordered(names: list[str], order: str | None) -> list[str]:
    """The names in the order asked for; without one, and from the oldest, as they were given.

    Unlike today's gateway, which accepts "alphabetical" and does not sort by it, this sorts.
    """
    if order is not None and order not in _ORDERS:
        quoted = [f"'{known}'" for known in _ORDERS]
        expected = f"{', '.join(quoted[:-1])} or {quoted[-1]}"
        item = error_item("enum", ("query", "order_by"), f"Input should be {expected}", order, expected=expected)
        raise InvalidRequestError([item])
    if order == "alphabetical":
        return sorted(names)
    return names[::-1] if order == "newest" else names
