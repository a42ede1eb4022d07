"""The HTTP statuses that the engine's code compares with, named by their meaning here."""

from __future__ import annotations

BAD_REQUEST = 400
"""The request is at fault."""
CLIENT_CLOSED_REQUEST = 499
"""The client disconnected before the reply. Only logs show this status."""
SERVER_ERROR = 500
"""The model failed."""
STOPPING = 503
"""The engine is shutting down."""
