"""The end of a body that has neither a length nor chunks, and therefore ends with its connection."""

from __future__ import annotations

import ssl
from typing import Any


def closed_in_order(ssl_object: Any) -> bool:
    """Return whether the other side announced the end of an encrypted connection that has ended.

    If it did not, anyone on the network may have cut the body (RFC 9112, 9.8). True for an unencrypted connection, which cannot show it.
    """
    if ssl_object is None:
        return True
    try:
        return not ssl_object.read(1)
    except ssl.SSLZeroReturnError:
        return True
    except (OSError, ValueError):
        return False
