"""The engine as an ASGI application: all routes, and what happens around them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .auth import Authenticator
from .chat import ChatRoutes
from .completions import CompletionRoutes
from .config import EngineConfig
from .files import FileRoutes
from .loading import load_lanes
from .model_endpoints import ModelRoutes
from .registry import Registry
from .replies import InvalidRequestError, detail_reply, too_many_requests_reply, unhandled_reply
from .scheduler import QueueFullError, Scheduler
from .store import Store
from .text_completions import TextCompletionRoutes

_HEALTH = frozenset({"/healthcheck", "/healthz", "/readyz"})


@dataclass(frozen=True)
class Engine:
    """An application and the scheduler behind it, which the server starts and stops."""

    app: Starlette
    scheduler: Scheduler


def build_engine(config: EngineConfig, store: Store) -> Engine:
    """Put an engine together over an open store. Nothing is loaded or started yet."""
    registry = Registry(config)
    scheduler = Scheduler(partial(load_lanes, config), max_waiting=config.max_waiting)
    authenticator = Authenticator(config.api_key)
    completions = CompletionRoutes(registry, scheduler, authenticator, ping_interval=config.ping_interval)
    chat = ChatRoutes(registry, scheduler, authenticator, ping_interval=config.ping_interval)
    texts = TextCompletionRoutes(registry, scheduler, authenticator, ping_interval=config.ping_interval)
    models = ModelRoutes(registry, scheduler, authenticator)
    files = FileRoutes(store.files, authenticator)
    app = Starlette(
        routes=[
            *_health_routes(scheduler),
            *completions.routes,
            *chat.routes,
            *texts.routes,
            *models.routes,
            *files.routes,
        ],
        middleware=[Middleware(ConcurrencyLimit, limit=config.max_concurrency)],
        exception_handlers={
            HTTPException: _on_http_exception,
            InvalidRequestError: _on_invalid_request,
            QueueFullError: _on_queue_full,
            Exception: unhandled_reply,
        },
    )
    return Engine(app, scheduler)


class ConcurrencyLimit:
    """Answers 429 when too many requests are being answered already.

    As in the gateway, health routes are exempt and a stream stops counting once its headers are out.

    Args:
        app: the application behind.
        limit: requests at a time.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit
        self._active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http" or scope["path"] in _HEALTH:
            await self._app(scope, receive, send)
        elif self._active >= self._limit:
            await too_many_requests_reply()(scope, receive, send)
        else:
            await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        counted = True
        self._active += 1

        def release() -> None:
            nonlocal counted
            self._active -= counted
            counted = False

        async def send_and_release(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                release()

        try:
            await self._app(scope, receive, send_and_release)
        finally:
            release()


def _health_routes(scheduler: Scheduler) -> list[BaseRoute]:
    async def alive(_: Request) -> Response:
        return Response()

    async def ready(_: Request) -> Response:
        return Response(status_code=200 if scheduler.ready else 503)

    return [Route("/healthcheck", alive), Route("/healthz", alive), Route("/readyz", ready)]


async def _on_http_exception(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise TypeError(error)
    return detail_reply(error.status_code, error.detail, headers=error.headers)


async def _on_invalid_request(_: Request, error: Exception) -> Response:
    if not isinstance(error, InvalidRequestError):
        raise TypeError(error)
    return detail_reply(422, error.errors)


async def _on_queue_full(_: Request, __: Exception) -> Response:
    return too_many_requests_reply()
