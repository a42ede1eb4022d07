"""Maps httpx's errors to those of this package."""

from __future__ import annotations

import httpx

from ..._foreign_errors import reason, said_by
from ..._timeouts import timeout_reason
from ...errors import APIConnectionError, APITimeoutError, InvalidResponseError, LLMEngineError
from ..backend import CUT_OFF, INVALID_URL, NO_REPLY

_NOTHING_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


FOREIGN = (httpx.TransportError, httpx.TooManyRedirects, httpx.InvalidURL, httpx.DecodingError)
"""The errors of httpx about a request, from https://www.python-httpx.org/exceptions/."""


def to_client_error(error: Exception) -> LLMEngineError:
    """Return this package's error for an httpx error."""
    sent = not isinstance(error, _NOTHING_SENT)
    match error:
        case httpx.TimeoutException():
            return APITimeoutError(timeout_reason(sent=sent), sent=sent)
        case httpx.InvalidURL():  # its text may have parts of the URL
            return APIConnectionError(INVALID_URL, sent=False)
        case httpx.DecodingError():  # in a body that a hook of the user's client has read
            return InvalidResponseError(f"The reply's content encoding is broken: {said_by(error)}")
        case httpx.RemoteProtocolError():
            return APIConnectionError(_protocol_reason(said_by(error)))
        case _:
            return APIConnectionError(reason(error), sent=sent)


def _protocol_reason(said: str) -> str:
    known = {"Server disconnected": NO_REPLY, "peer closed connection": CUT_OFF}
    return next(
        (plain for start, plain in known.items() if said.startswith(start)), f"The reply is not valid HTTP: {said}"
    )
