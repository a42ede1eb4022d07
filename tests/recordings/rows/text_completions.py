"""`text_completions.create`, and `text_completions.stream`, which the gateway cannot do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmengine_integrations.core.errors import NotFoundError, ServerError

from ..row import Row, raises, returns
from .story import TOKENS


def _ask(method: str, model: str = "llama-2-7b", prompt: str = "hi", **options: Any) -> Callable[[Any], Any]:
    """The call behind a recording; most of them ask the same."""
    return lambda client: getattr(client.text_completions, method)(model, prompt, **{"max_tokens": 4} | options)


def _said(reply: Any) -> tuple[str, str, int]:
    [choice] = reply.choices
    return reply.text, choice.finish_reason, reply.usage.completion_tokens


def _log_probs(reply: Any) -> list[tuple[str, float]]:
    log_probs = reply.choices[0].logprobs
    return list(zip(log_probs.tokens, log_probs.token_logprobs, strict=True))


_INTERNAL = "Internal error occurred. Our team has been notified."

ROWS = [
    Row("090-v2completion-ok", _ask("create"), returns((" a time, there", "length", 4), of=_said)),
    Row("091-v2completion-ok-logprobs", _ask("create", logprobs=1), returns(TOKENS[2:6], of=_log_probs)),
    Row(
        "094-v2completion-404",
        _ask("create", "nope"),
        raises(NotFoundError, "The specified endpoint could not be found."),
    ),
    # None of these 500s is tried again: the same request would fail the same way.
    Row(
        "095-v2completion-410-unmapped",
        _ask("create", "retired-7b"),
        raises(ServerError, _INTERNAL, request_id="dd0d8e37-0838-4cc4-94bf-eb966d86b9a1"),
    ),
    Row("092-v2completion-stream-ok", _ask("stream"), raises(ServerError, _INTERNAL)),
    Row(
        "093-v2completion-stream-usage",
        _ask("stream", stream_options={"include_usage": True}),
        raises(ServerError, _INTERNAL),
    ),
    Row("096-v2completion-stream-410-unmapped", _ask("stream", "retired-7b"), raises(ServerError, _INTERNAL)),
    Row(
        "097-v2completion-stream-midstream-error",
        _ask("stream", prompt="[[mid-stream-error]]", max_tokens=8),
        raises(ServerError, _INTERNAL),
    ),
]
