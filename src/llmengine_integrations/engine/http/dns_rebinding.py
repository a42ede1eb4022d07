"""Protection of an engine without a key. Programs on its machine may use it; web pages in a browser on that machine may not.

A page may send requests to any address. It may also point its own host name at 127.0.0.1 (DNS rebinding), so that the browser treats the
engine as one of the page's own servers. The Host header still contains that name, and the Origin header names the page's site.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from llmengine_integrations._shared.loopback import is_loopback

from .error_replies import detail_reply


class LocalOnly:
    """Refuses, with a 403, requests that name a machine other than this one.

    Args:
        app: the wrapped application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            named = [f"//{name}" for name in headers.getlist("host")] + headers.getlist("origin")
            foreign = next((url for url in named if not _is_local(url)), None)
            if foreign is not None:
                reply = detail_reply(
                    403,
                    f"This engine was started without a key, so it answers to this machine only, as localhost or 127.0.0.1, "
                    f"and not to {foreign.removeprefix('//')!r:.100}. Start it with --api-key to let others in.",
                )
                return await reply(scope, receive, send)
        return await self._app(scope, receive, send)


def _is_local(url: str) -> bool:
    """Whether the host of a URL is always this machine, whatever DNS says. Browsers do not look up names that end in .localhost."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return is_loopback(host)
