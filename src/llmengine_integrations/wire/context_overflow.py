"""What model servers say about a request that does not fit into the model's context. The gateway passes it on."""

from __future__ import annotations

import re

# vLLM: "This model's maximum context length is 2048 tokens. However, ..."; text-generation-inference: "`inputs` must have less than 1024
# tokens", which is its limit for a prompt, and "`inputs` tokens + `max_new_tokens` must be <= 2048".
_TEXT = re.compile(
    r"maximum context length(?: (?:is|of) (\d+))?"
    r"|`inputs` must have less than"
    r"|`inputs` tokens \+ `max_new_tokens`(?: must be <= (\d+))?"
)


def says_too_long(message: str) -> bool:
    """Return whether an error message says that the prompt, or the prompt with its answer, is too long for the model."""
    return _TEXT.search(message) is not None


def stated_context(message: str) -> int | None:
    """Return the model's context length in tokens, if the message states it."""
    numbers = (number for found in _TEXT.finditer(message) for number in found.groups() if number)
    return next(map(int, numbers), None)
