"""The names of upstream's errors, for `except` clauses. They are this package's own (`llmengine_integrations.errors`), which say more.

`UnknownError` is every error status, including those with their own class. So its clause must be the last.
"""

from __future__ import annotations

from ..core.errors import APIStatusError as UnknownError
from ..core.errors import AuthenticationError as UnauthorizedError
from ..core.errors import BadRequestError, NotFoundError, ServerError, ValidationError
from ..core.errors import RateLimitError as RateLimitExceededError

__all__ = [
    "BadRequestError",
    "NotFoundError",
    "RateLimitExceededError",
    "ServerError",
    "UnauthorizedError",
    "UnknownError",
    "ValidationError",
]
