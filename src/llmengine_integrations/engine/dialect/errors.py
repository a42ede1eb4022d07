"""The error that refuses a request. It does not depend on a web framework: `http.app` turns it into the gateway's reply."""

from __future__ import annotations

from collections.abc import Mapping


class RefusedError(Exception):
    """A request that the engine answers with an error.

    Attributes:
        status_code: the HTTP status of the reply.
        detail: the reason, for the client.
        headers: additional headers of the reply.
    """

    def __init__(self, status_code: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status_code = status_code
        self.detail = detail
        self.headers = headers
