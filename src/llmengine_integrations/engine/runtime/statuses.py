"""The HTTP statuses that the engine's own code compares with, each by the name of what it means here."""

from __future__ import annotations

BAD_REQUEST = 400
"""The request is at fault."""
CLIENT_CLOSED_REQUEST = 499
"""The client left before the reply; only logs see it."""
SERVER_ERROR = 500
"""The model failed."""
STOPPING = 503
"""The engine is shutting down."""
