"""Core's errors, raised in this adapter as classes that are also LangChain's. Only this module connects the two hierarchies.

Each class below has core's name and is both: `except errors.NotFoundError` and `except ModelNotFoundError` both catch it. LangChain's
fallbacks and retry middleware read `is_retryable`.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from langchain_core import exceptions
from langchain_core.exceptions import ContextOverflowError

from .. import errors
from ..wire.context_overflow import says_too_long

if TYPE_CHECKING or hasattr(exceptions, "ModelError"):
    from langchain_core.exceptions import (
        ModelAPIError,
        ModelAuthenticationError,
        ModelConnectionError,
        ModelError,
        ModelInvalidRequestError,
        ModelNotFoundError,
        ModelPermissionDeniedError,
        ModelRateLimitError,
        ModelTimeoutError,
    )
else:  # langchain-core before 1.6
    from ._model_errors import (
        ModelAPIError,
        ModelAuthenticationError,
        ModelConnectionError,
        ModelError,
        ModelInvalidRequestError,
        ModelNotFoundError,
        ModelPermissionDeniedError,
        ModelRateLimitError,
        ModelTimeoutError,
    )


class InvalidArgumentError(errors.InvalidArgumentError, ModelInvalidRequestError):
    """A call that no server could answer, refused before sending."""


class APIConnectionError(errors.APIConnectionError, ModelConnectionError):
    """There was no reply, or it was cut off."""


class APITimeoutError(errors.APITimeoutError, ModelTimeoutError):
    """No reply in time."""


class APIStatusError(errors.APIStatusError, ModelError):
    """A status that has no class of its own."""


class BadRequestError(errors.BadRequestError, ModelInvalidRequestError):
    """400."""


class PromptTooLongError(BadRequestError, ContextOverflowError):
    """400, because the prompt does not fit into the model's context."""


class AuthenticationError(errors.AuthenticationError, ModelAuthenticationError):
    """401."""


class PermissionDeniedError(errors.PermissionDeniedError, ModelPermissionDeniedError):
    """403."""


class NotFoundError(errors.NotFoundError, ModelNotFoundError):
    """404."""


class ConflictError(errors.ConflictError, ModelError):
    """409."""


class GoneError(errors.GoneError, ModelNotFoundError):
    """410: the endpoint is retired."""


class ValidationError(errors.ValidationError, ModelInvalidRequestError):
    """422."""


class RateLimitError(errors.RateLimitError, ModelRateLimitError):
    """429."""


class ServerError(errors.ServerError, ModelAPIError):
    """5xx."""


class StreamError(errors.StreamError, ModelAPIError):
    """The server failed inside a stream."""


class StreamRefusedError(errors.StreamError, ModelInvalidRequestError):
    """The model server refused the request, and said so inside the stream."""


class StreamPromptTooLongError(StreamRefusedError, ContextOverflowError):
    """The prompt does not fit into the model's context, as reported in a stream over v1 completions."""


class StreamTruncatedError(errors.StreamTruncatedError, ModelConnectionError):
    """A stream ended before it was finished."""


class StreamClosedError(errors.StreamClosedError, ModelError):
    """A stream was read after it was closed."""


class InvalidResponseError(errors.InvalidResponseError, ModelAPIError):
    """The status says success, but the reply is not valid."""


_BOTH: dict[type[errors.LLMEngineError], type[errors.LLMEngineError]] = {
    errors.InvalidArgumentError: InvalidArgumentError,
    errors.APIConnectionError: APIConnectionError,
    errors.APITimeoutError: APITimeoutError,
    errors.APIStatusError: APIStatusError,
    errors.BadRequestError: BadRequestError,
    errors.AuthenticationError: AuthenticationError,
    errors.PermissionDeniedError: PermissionDeniedError,
    errors.NotFoundError: NotFoundError,
    errors.ConflictError: ConflictError,
    errors.GoneError: GoneError,
    errors.ValidationError: ValidationError,
    errors.RateLimitError: RateLimitError,
    errors.ServerError: ServerError,
    errors.StreamError: StreamError,
    errors.StreamTruncatedError: StreamTruncatedError,
    errors.StreamClosedError: StreamClosedError,
    errors.InvalidResponseError: InvalidResponseError,
}


class langchain_errors:  # noqa: N801 - reads as the function that a context manager usually is; a generator costs every call 2 us
    """Raise core's errors as classes that are also LangChain's, with all attributes and with the original as the cause."""

    def __enter__(self) -> None:
        """Do nothing; there is nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raise the other error, if one was raised."""
        if isinstance(error, errors.LLMEngineError) and (both := _kind(error)) is not None:
            raise _as(both, error) from error


def _kind(error: errors.LLMEngineError) -> type[errors.LLMEngineError] | None:
    match error:
        case errors.BadRequestError() if says_too_long(error.message):
            return PromptTooLongError
        case errors.StreamError(status_code=int(status)) if 400 <= status < 500:  # noqa: PLR2004 - HTTP's own classes
            return StreamPromptTooLongError if says_too_long(error.message) else StreamRefusedError
        case _:
            return _BOTH.get(type(error))


def _as(kind: type[errors.LLMEngineError], error: errors.LLMEngineError) -> errors.LLMEngineError:
    """Return the same error as an instance of `kind`, whatever arguments its class takes."""
    raised = kind.__new__(kind, *error.args)
    raised.args = error.args
    vars(raised).update(vars(error))
    return raised
