"""An engine without a key is for programs on its machine. A browser runs programs of others there: web pages.

A page may ask for any address, and may have its own name lead to 127.0.0.1 (DNS rebinding), which makes the engine one of its own
servers. The browser then still says so in the Host header; and in the Origin header it says whose page asks.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from llmengine_integrations._shared.loopback import is_loopback

from .error_replies import detail_reply


class LocalOnly:
    """Refuses requests that name another machine than this one, with a 403.

    Args:
        app: the application behind.
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
    """Whether the host of a URL is this machine, whatever name servers say: browsers look up no name that ends in .localhost."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return is_loopback(host)
