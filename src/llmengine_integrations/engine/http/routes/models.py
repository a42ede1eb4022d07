"""The routes under `/v1/llm/model-endpoints`."""

from __future__ import annotations

from typing import Required, get_args

from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from typing_extensions import TypedDict

from llmengine_integrations.wire.models import Model, ModelDeletion, ModelDownload, ModelList, ModelOrder

from ...dialect.errors import RefusedError
from ...registry import Registry
from ...runtime.dispatcher import Runtimes
from ...tuning.fine_tuner import FineTuner
from ..auth import Authenticator
from ..error_replies import InvalidRequestError, error_item, json_reply
from ..request_bodies import read_body, validated
from .downloads import DownloadLinks, model_files

_ORDERS: tuple[str, ...] = get_args(ModelOrder)


class _DownloadFields(TypedDict, total=False):
    """A request for a fine-tuned model's files."""

    model_name: Required[str]
    download_format: str | None


_DOWNLOAD: TypeAdapter[_DownloadFields] = TypeAdapter(_DownloadFields)


class ModelRoutes:
    """The models that the engine serves.

    Args:
        registry: the names that are served.
        runtimes: describe the loaded models.
        tuner: deletes fine-tuned models.
        links: creates the download URLs of their files.
        authenticator: checks keys.
    """

    def __init__(
        self,
        registry: Registry,
        runtimes: Runtimes,
        tuner: FineTuner,
        links: DownloadLinks,
        authenticator: Authenticator,
    ) -> None:
        self._registry = registry
        self._runtimes = runtimes
        self._tuner = tuner
        self._links = links
        self._authenticator = authenticator

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes, for the application."""
        return [
            Route("/v1/llm/model-endpoints", self._list, methods=["GET"]),
            Route("/v1/llm/model-endpoints/download", self._download, methods=["POST"]),
            Route("/v1/llm/model-endpoints/{name}", self._get, methods=["GET"]),
            Route("/v1/llm/model-endpoints/{name}", self._delete, methods=["DELETE"]),
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
        if self._registry.get(name) is None:
            raise RefusedError(404, f"Model Endpoint {name}  was not found.")
        return Response(self._describe(name).model_dump_json(), media_type="application/json")

    async def _download(self, request: Request) -> Response:
        fields = validated(await read_body(request, self._authenticator), _DOWNLOAD)
        name, form = fields["model_name"], fields.get("download_format")
        if form not in (None, "hugging_face"):
            raise RefusedError(400, f"Unsupported download format {form!r}; this engine has only 'hugging_face'.")
        endpoint = self._registry.get(name)
        files = (
            {} if endpoint is None or endpoint.tuned is None else await run_in_threadpool(model_files, endpoint.folder)
        )
        if not files:
            raise RefusedError(404, "The requested fine-tuned model could not be found.")
        base_url = str(request.base_url)
        return json_reply(ModelDownload(urls={file: self._links.url(base_url, name, file) for file in files}))

    async def _delete(self, request: Request) -> Response:
        self._authenticator.check(request.headers)
        name: str = request.path_params["name"]
        endpoint = self._registry.get(name)
        if endpoint is not None and endpoint.tuned is None:
            raise RefusedError(
                403,
                "You don't have permission to delete the requested model endpoint: "
                "it is one that this engine was started with. Only fine-tuned models can be deleted.",
            )
        if not await self._tuner.delete(name):
            raise RefusedError(404, "The requested model endpoint could not be found.")
        return json_reply(ModelDeletion(deleted=True))

    def _describe(self, name: str) -> Model:
        return self._registry.describe(name, self._runtimes.describe(self._registry.model_of(name) or name))


def _ordered(names: list[str], order: str | None) -> list[str]:
    """The names in the requested order. Without an order, and for oldest first, they stay in the given order.

    Unlike today's gateway, which accepts "alphabetical" but does not sort by it, this function does.
    """
    if order is not None and order not in _ORDERS:
        quoted = [f"'{known}'" for known in _ORDERS]
        expected = f"{', '.join(quoted[:-1])} or {quoted[-1]}"
        item = error_item("enum", ("query", "order_by"), f"Input should be {expected}", order, expected=expected)
        raise InvalidRequestError([item])
    if order == "alphabetical":
        return sorted(names)
    return names[::-1] if order == "newest" else names
