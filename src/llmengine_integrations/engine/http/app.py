"""The engine as an ASGI application: all routes, and what happens around them."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmengine_integrations._shared.loopback import is_loopback

from ..batch_jobs.batch_job import BatchJobServices
from ..batch_jobs.code_evaluator import CodeEvaluator, log_missing_walls
from ..batch_jobs.code_tool import CodeTool
from ..batch_jobs.runner import BatchRunner
from ..batch_jobs.slots import Generator
from ..config import EngineConfig
from ..dialect.errors import RefusedError
from ..local_paths import LocalPaths
from ..registry import Registry
from ..runtime.dispatcher import Runtimes
from ..runtime.runtime import QueueFullError
from ..store import Store
from ..store.full_disk import is_full
from ..tuning.fine_tuner import FineTuner
from ..tuning.training_files import TrainingFiles
from .auth import Authenticator
from .dns_rebinding import LocalOnly
from .error_replies import InvalidRequestError, detail_reply, too_many_requests_reply, unhandled_reply
from .routes.batches import BatchRoutes
from .routes.chat import ChatRoutes
from .routes.completions import CompletionRoutes
from .routes.downloads import DownloadLinks, DownloadRoutes
from .routes.files import FileRoutes
from .routes.fine_tunes import FineTuneRoutes
from .routes.models import ModelRoutes
from .routes.status_page import StatusPage
from .routes.text_completions import TextCompletionRoutes

_HEALTH = frozenset({"/healthcheck", "/healthz", "/readyz"})


@dataclass(frozen=True)
class Engine:
    """The application and the background parts that the server starts and stops."""

    app: Starlette
    runtimes: Runtimes
    tuner: FineTuner
    batches: BatchRunner


def build_engine(config: EngineConfig, store: Store, runtimes: Runtimes) -> Engine:
    """Assemble an engine from an open store and the runtimes of its models. This does not load or start anything yet."""
    registry = Registry(config)
    authenticator = Authenticator(config.api_key)
    completions = CompletionRoutes(registry, runtimes, authenticator, ping_interval=config.ping_interval)
    chat = ChatRoutes(registry, runtimes, authenticator, ping_interval=config.ping_interval)
    texts = TextCompletionRoutes(registry, runtimes, authenticator, ping_interval=config.ping_interval)
    files = FileRoutes(store.files, authenticator)
    tuner = FineTuner(
        store.fine_tunes,
        store.models,
        registry,
        runtimes,
        concurrency=config.max_trainings,
        threads=config.threads or 1,
        device=config.device,
    )
    links = DownloadLinks(config.download_url_lifetime)
    models = ModelRoutes(registry, runtimes, tuner, links, authenticator)
    paths = LocalPaths(store.folder, config.allow_paths)
    training_files = TrainingFiles(store.files, paths, allow_private_urls=config.allow_private_urls)
    fine_tunes = FineTuneRoutes(store.fine_tunes, store.batches, training_files, tuner, registry, authenticator)
    batch_runner = BatchRunner(_batch_job_services(config, store, registry, runtimes, paths))
    batches = BatchRoutes(
        store.batches, batch_runner, registry, paths, authenticator, code_evaluator=config.allow_code_evaluator
    )
    app = Starlette(
        routes=[
            *_health_routes(runtimes, tuner),
            *StatusPage().routes,
            *completions.routes,
            *chat.routes,
            *texts.routes,
            *models.routes,
            *files.routes,
            *fine_tunes.routes,
            *DownloadRoutes(registry, links).routes,
            *batches.routes,
        ],
        middleware=_middleware(config),
        exception_handlers=EXCEPTION_HANDLERS,
    )
    return Engine(app, runtimes, tuner, batch_runner)


def _middleware(config: EngineConfig) -> list[Middleware]:
    limit = Middleware(ConcurrencyLimit, limit=config.max_concurrency)
    keyless = config.api_key is None and is_loopback(config.host, subdomains=False)
    return [Middleware(LocalOnly), limit] if keyless else [limit]


class ConcurrencyLimit:
    """Answers 429 when too many requests are already in progress.

    As in the gateway, health routes are exempt, and a stream stops counting once its headers have been sent.

    Args:
        app: the wrapped application.
        limit: the maximum number of concurrent requests.
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


def _batch_job_services(
    config: EngineConfig, store: Store, registry: Registry, runtimes: Runtimes, paths: LocalPaths
) -> BatchJobServices:
    """The services that batch jobs use. Batch jobs get at most half of the places in a batch; the rest is for interactive requests."""
    code_tool = None
    if config.allow_code_evaluator:
        log_missing_walls()
        code_tool = CodeTool(CodeEvaluator())
    generator = Generator(runtimes, max(1, config.max_batch_size // 2))
    return BatchJobServices(store.batches, registry, generator, paths, code_tool)


def _health_routes(runtimes: Runtimes, tuner: FineTuner) -> list[BaseRoute]:
    async def alive(_: Request) -> Response:
        return Response()

    async def ready(_: Request) -> Response:
        return Response(status_code=200 if runtimes.ready and tuner.ready else 503)

    return [Route("/healthcheck", alive), Route("/healthz", alive), Route("/readyz", ready)]


async def _on_refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, RefusedError):
        raise TypeError(error)
    return detail_reply(error.status_code, error.detail, headers=error.headers)


async def _on_http_exception(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise TypeError(error)
    return detail_reply(error.status_code, error.detail, headers=error.headers)


async def _on_invalid_request(_: Request, error: Exception) -> Response:
    if not isinstance(error, InvalidRequestError):
        raise TypeError(error)
    return detail_reply(422, error.errors)


async def _on_anything_else(request: Request, error: Exception) -> Response:
    return unhandled_reply(request, error)


async def _on_queue_full(_: Request, __: Exception) -> Response:
    return too_many_requests_reply()


async def _on_os_error(_: Request, error: Exception) -> Response:
    if not is_full(error):
        raise error
    return _no_room()


async def _on_database_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, sqlite3.OperationalError) or error.sqlite_errorcode != sqlite3.SQLITE_FULL:
        raise error
    return _no_room()


def _no_room() -> Response:
    return detail_reply(507, "There is no room left on the engine's disk.")


EXCEPTION_HANDLERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    RefusedError: _on_refused,
    HTTPException: _on_http_exception,
    InvalidRequestError: _on_invalid_request,
    QueueFullError: _on_queue_full,
    OSError: _on_os_error,
    sqlite3.OperationalError: _on_database_error,
    Exception: _on_anything_else,
}
"""The handler for each exception that a route may raise. starlette raises HTTPException itself, for unknown paths and methods."""
