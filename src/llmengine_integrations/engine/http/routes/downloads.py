"""Downloads of fine-tuned models: signed URLs that give access to a file for a limited time, and the route that serves them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from ...dialect.errors import RefusedError
from ...registry import Registry

_PATH = "/v1/llm/model-downloads"
_REFUSED = "The URL's signature is wrong, or it has expired. Ask for a new one."


class DownloadLinks:
    """Signs URLs. The signing key lasts as long as the engine runs. After a restart, clients must request new URLs, as after an expiry.

    Args:
        lifetime: seconds for which a URL is valid.
        clock: seconds since 1970.
    """

    def __init__(self, lifetime: float, clock: Callable[[], float] = time.time) -> None:
        self._lifetime = lifetime
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def url(self, base_url: str, model: str, filename: str) -> str:
        """A signed URL of a model's file."""
        expires = str(int(self._clock() + self._lifetime))
        path = f"{_PATH}/{quote(model, safe='')}/{quote(filename, safe='')}"
        signature = self._signature(model, filename, expires)
        return f"{base_url.rstrip('/')}{path}?Expires={expires}&Signature={signature}"

    def allows(self, model: str, filename: str, expires: str, signature: str) -> bool:
        """Whether this object signed the URL and it has not expired."""
        right = self._signature(model, filename, expires)
        if not hmac.compare_digest(right.encode(), signature.encode("utf-8", "replace")):
            return False
        return self._clock() < int(expires)

    def _signature(self, model: str, filename: str, expires: str) -> str:
        signed = f"{model}\n{filename}\n{expires}".encode("utf-8", "replace")
        return hmac.new(self._key, signed, hashlib.sha256).hexdigest()


class DownloadRoutes:
    """The files of fine-tuned models. The URL's signature replaces the key; no other authentication is required.

    Args:
        registry: knows the models.
        links: checks signatures.
    """

    def __init__(self, registry: Registry, links: DownloadLinks) -> None:
        self._registry = registry
        self._links = links

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes, for the application."""
        return [Route(f"{_PATH}/{{model}}/{{filename}}", self._get, methods=["GET"])]

    async def _get(self, request: Request) -> Response:
        model, filename = request.path_params["model"], request.path_params["filename"]
        query = request.query_params
        if not self._links.allows(model, filename, query.get("Expires", ""), query.get("Signature", "")):
            raise RefusedError(403, _REFUSED)
        endpoint = self._registry.get(model)
        files = {} if endpoint is None else await run_in_threadpool(model_files, endpoint.folder)
        if filename not in files:
            raise RefusedError(404, "The model is gone.")
        return FileResponse(files[filename], filename=filename, media_type="application/octet-stream")


def model_files(folder: Path) -> dict[str, Path]:
    """The files of a model by name; empty if the model no longer exists."""
    try:
        return {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
    except FileNotFoundError:
        return {}
