"""Hides requests from OpenTelemetry. Its instrumentations write whole URLs into spans, and a presigned URL is a secret."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

_SWITCH = "suppress_instrumentation"
"""The key that `opentelemetry.instrumentation.utils` looks up in the context."""


@contextmanager
def untraced() -> Generator[None]:
    """Suppress OpenTelemetry spans for the requests in this block, if it is installed."""
    context = sys.modules.get("opentelemetry.context")
    if context is None:
        yield
        return
    token = context.attach(context.set_value(_SWITCH, True))
    try:
        yield
    finally:
        context.detach(token)
