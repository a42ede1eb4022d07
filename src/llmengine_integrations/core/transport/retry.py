"""When to retry and how long to wait: pure functions that tenacity calls."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypedDict

from tenacity import RetryCallState, retry_if_exception, wait_random_exponential
from tenacity.retry import retry_base

from .._operation import Request
from ..errors import APIConnectionError, APIStatusError, APITimeoutError, StreamError, StreamTruncatedError

_log = logging.getLogger("llmengine_integrations")

RETRIED_STATUSES = frozenset({408, 429, 502, 503, 504})
MAX_RETRY_AFTER = 60.0
"""The longest wait in seconds, even if a server asks for more."""
_UPSTREAM_FAILURE = (
    "Upstream service error"  # the gateway's 500 for any failure of its model server, including 429 and 503
)
_BACKOFF = wait_random_exponential(multiplier=0.5, max=8)  # full jitter: a random wait of up to 0.5, 1, 2, ... 8 s


class Policy(TypedDict):
    """The arguments of `tenacity.Retrying` and `tenacity.AsyncRetrying`."""

    stop: Callable[[RetryCallState], bool]
    wait: Callable[[RetryCallState], float]
    retry: retry_base
    before_sleep: Callable[[RetryCallState], None]
    reraise: bool


def policy(request: Request, max_retries: int) -> Policy:
    """Return how to retry a request: at most `max_retries` times after the first try."""
    return Policy(
        stop=lambda state: state.attempt_number > max_retries or _is_late(request, state),
        wait=wait,
        retry=retry_if_exception(lambda error: is_retryable(error, request)),
        before_sleep=lambda state: _note(request, state),
        reraise=True,
    )


def is_retryable(error: BaseException, request: Request) -> bool:
    """Return whether a request may be sent again at all, and may then succeed."""
    match error:
        case APITimeoutError(sent=True) if not request.again_after_timeout:
            return False
        case APIConnectionError():
            return request.repeatable or not error.sent
        case APIStatusError(status_code=status):
            return request.repeatable and (status in RETRIED_STATUSES or _is_upstream_failure(error))
        case StreamTruncatedError():  # this and the next are only relevant before the first event
            return request.repeatable
        case StreamError(status_code=status):
            return request.repeatable and (status in RETRIED_STATUSES or _is_upstream_failure(error))
        case _:
            return False


def wait(state: RetryCallState) -> float:
    """Return the seconds until the next try: what the server asked for, up to a limit, else exponential with jitter."""
    error = state.outcome.exception() if state.outcome else None
    asked = retry_after(error.headers.get("retry-after")) if isinstance(error, APIStatusError) else None
    return _BACKOFF(state) if asked is None else min(asked, MAX_RETRY_AFTER)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Read a Retry-After header, seconds or an HTTP date, as seconds from now; None if it makes no sense.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    moment = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def _is_late(request: Request, state: RetryCallState) -> bool:
    """Return whether the next try would come after the request's deadline."""
    return request.deadline is not None and time.monotonic() + state.upcoming_sleep >= request.deadline


def _is_upstream_failure(error: APIStatusError | StreamError) -> bool:
    return error.status_code == 500 and error.message.startswith(_UPSTREAM_FAILURE)  # noqa: PLR2004 - HTTP's own number


def _note(request: Request, state: RetryCallState) -> None:
    kind = type(state.outcome.exception()).__name__ if state.outcome else "nothing"
    _log.debug("%s %s failed with %s; again in %.1f s", request.method, request.path, kind, state.upcoming_sleep)
