"""Credentials: what the gateway says of keys that it does not accept."""

from __future__ import annotations

from llmengine_integrations.core.errors import AuthenticationError

from ..row import Row, raises

_BAD_BEARER = {"default_headers": {"Authorization": "Bearer bad-key"}}
_REJECTED = "Could not authenticate user"

ROWS = [
    Row(
        "002-auth-bad-basic",
        lambda client: client.models.list(),
        raises(
            AuthenticationError, _REJECTED, headers={"www-authenticate": "Basic", "content-type": "application/json"}
        ),
    ),
    Row(
        "003-auth-bad-bearer",
        lambda client: client.models.list(),
        raises(
            AuthenticationError, _REJECTED, headers={"www-authenticate": "Bearer", "content-type": "application/json"}
        ),
        client=_BAD_BEARER,
    ),
]
