"""The status page at `/`: static files, which contain no data and therefore need no key. The page gets its data from the other routes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...dialect.errors import RefusedError

_FOLDER = Path(__file__).parent / "page"
_INDEX = "index.html"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# The page loads nothing from other origins, has no inline code, creates no markup from strings, and cannot be framed.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_NOT_MODIFIED = 304


class StatusPage:
    """Serves the page. The files are read once, when the object is created."""

    def __init__(self) -> None:
        self._files = {path.name: path.read_bytes() for path in _FOLDER.iterdir() if path.suffix in _MEDIA_TYPES}

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes, for the application."""
        return [Route("/", self._index, methods=["GET"]), Route("/page/{name}", self._file, methods=["GET"])]

    async def _index(self, request: Request) -> Response:
        return self._reply(request, _INDEX)

    async def _file(self, request: Request) -> Response:
        name: str = request.path_params["name"]
        if name not in self._files or name == _INDEX:
            raise RefusedError(404, "Not Found")
        return self._reply(request, name)

    def _reply(self, request: Request, name: str) -> Response:
        content = self._files[name]
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {**_HEADERS, "etag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=_NOT_MODIFIED, headers=headers)
        return Response(content, headers=headers, media_type=_MEDIA_TYPES[Path(name).suffix])
