"""What servers say of requests that are too long: one place for both adapters."""

from __future__ import annotations

import pytest

from llmengine_integrations.wire.context_overflow import says_too_long, stated_context


@pytest.mark.parametrize(
    ("message", "too_long", "context"),
    [
        ("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.", True, 4096),
        ("The maximum context length of 2048 tokens is exceeded.", True, 2048),
        ("This request exceeds the maximum context length.", True, None),
        ("`inputs` tokens + `max_new_tokens` must be <= 1512. Given: 2000", True, 1512),
        ("`inputs` must have less than 1024 tokens. Given: 1025", True, None),
        ("temperature must be at most 1", False, None),
        ("", False, None),
    ],
)
def test_what_it_says(message, too_long, context):
    assert says_too_long(message) is too_long
    assert stated_context(message) == context
