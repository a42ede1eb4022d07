"""The end of a body that has neither a length nor chunks, and so ends with its connection."""

from __future__ import annotations

import ssl
from typing import Any


def closed_in_order(ssl_object: Any) -> bool:
    """Whether the other side has said that it closes an encrypted connection that has come to its end.

    Without that anyone on the way may have cut the body (RFC 9112, 9.8). True for a connection without encryption, where nothing tells.
    """
    if ssl_object is None:
        return True
    try:
        return not ssl_object.read(1)
    except ssl.SSLZeroReturnError:
        return True
    except (OSError, ValueError):
        return False
