"""Authentication: HTTP Basic with the key as the user name, or a Bearer key, as in LLM Engine's gateway."""

from __future__ import annotations

import base64
import binascii
import hmac

from pydantic import SecretStr
from starlette.datastructures import Headers

from ..dialect.errors import RefusedError


class Authenticator:
    """Checks the key of a request.

    Args:
        api_key: the only accepted key. None accepts every non-empty key, as the open-source gateway does.
    """

    def __init__(self, api_key: SecretStr | None) -> None:
        self._expected = None if api_key is None else api_key.get_secret_value().encode()

    def check(self, headers: Headers) -> None:
        """Check the key in a request's headers.

        Raises:
            RefusedError: 401 with the challenge of the scheme that the request used.
        """
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            self._check_key(_basic_user(value), "Basic")
        elif scheme.lower() == "bearer" and value:
            self._check_key(value.encode("latin-1"), "Bearer")  # starlette decodes headers as Latin-1
        else:
            raise _unauthorized("No authentication was passed in", "Bearer")

    def _check_key(self, key: bytes, scheme: str) -> None:
        if not key or not (self._expected is None or hmac.compare_digest(key, self._expected)):
            raise _unauthorized("Could not authenticate user", scheme)


def _basic_user(value: str) -> bytes:
    try:
        user, separator, _ = base64.b64decode(value.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        separator = user = b""
    if not separator:
        raise _unauthorized("Not authenticated", "Basic")
    return user


def _unauthorized(detail: str, scheme: str) -> RefusedError:
    return RefusedError(401, detail, headers={"WWW-Authenticate": scheme})
