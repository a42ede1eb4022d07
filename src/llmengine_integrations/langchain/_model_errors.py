"""LangChain's classes of model errors, for langchain-core before 1.6, which has none. Goes when the declared lower bound reaches 1.6."""

from __future__ import annotations

from langchain_core.exceptions import LangChainException


class ModelError(LangChainException):
    """A model call failed."""

    is_retryable = False


class ModelAuthenticationError(ModelError):
    """The key was not accepted."""


class ModelPermissionDeniedError(ModelError):
    """The key may not do this."""


class ModelInvalidRequestError(ModelError):
    """The request was refused."""


class ModelNotFoundError(ModelError):
    """There is no such model."""


class ModelRateLimitError(ModelError):
    """Too many requests."""

    is_retryable = True


class ModelAPIError(ModelError):
    """The server failed."""

    is_retryable = True


class ModelConnectionError(ModelError):
    """No connection, or it broke."""

    is_retryable = True


class ModelTimeoutError(ModelError):
    """No reply in time."""

    is_retryable = True
