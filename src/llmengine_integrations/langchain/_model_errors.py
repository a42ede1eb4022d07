"""LangChain's classes of model errors, for langchain-core before 1.6, which lacks them. Remove this when 1.6 is the lower bound."""

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
    """The model does not exist."""


class ModelRateLimitError(ModelError):
    """Too many requests."""

    is_retryable = True


class ModelAPIError(ModelError):
    """The server failed."""

    is_retryable = True


class ModelConnectionError(ModelError):
    """There was no connection, or it broke."""

    is_retryable = True


class ModelTimeoutError(ModelError):
    """There was no reply in time."""

    is_retryable = True
