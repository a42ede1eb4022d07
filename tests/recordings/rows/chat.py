"""`chat.create`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmengine_integrations.core.errors import (
    BadRequestError,
    GoneError,
    NotFoundError,
    ServerError,
    ValidationError,
)

from ..row import Row, raises, returns
from .story import TOKENS

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def user(content: str) -> dict[str, str]:
    """A message of the user."""
    return {"role": "user", "content": content}


def create(model: str = "llama-2-7b", content: str = "hello", **options: Any) -> Callable[[Any], Any]:
    """The call behind a recording; most of them ask the same."""
    return lambda client: client.chat.create(model, [user(content)], **{"max_tokens": 5} | options)


def _said(reply: Any) -> tuple[str, str, int]:
    """What the only choice says, why it ended, and how many tokens it took."""
    [choice] = reply.choices
    return reply.text, choice.finish_reason, reply.usage.completion_tokens


def _called(reply: Any) -> tuple[str, list[tuple[str, str, str]]]:
    [choice] = reply.choices
    calls = [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls]
    return choice.finish_reason, calls


def _log_probs(reply: Any) -> list[tuple[str, float]]:
    return [(token.token, token.logprob) for token in reply.choices[0].logprobs.content]


_HISTORY = [
    {"role": "system", "content": "be nice"},
    {"role": "user", "content": [{"type": "text", "text": "hi"}]},
    {"role": "assistant", "content": "hello", "reasoning_content": "r"},
    user("again"),
]
_FIVE = " Once upon a time,"
_INTERNAL = "Internal error occurred. Our team has been notified."
_UPSTREAM = "086-chat-500-upstream"
_UPSTREAM_ID = "c29a78c7-6af7-4040-9032-a94a6c7e2ce1"
_UPSTREAM_FAILED = raises(ServerError, f"Upstream service error for request_id {_UPSTREAM_ID}", request_id=_UPSTREAM_ID)
_OK = returns((_FIVE, "length", 5), of=_said)

_REPLIES = [
    Row("064-chat-ok", create(temperature=0), _OK),
    Row("065-chat-ok-logprobs", create(logprobs=True, top_logprobs=1), returns(TOKENS[:5], of=_log_probs)),
    Row(
        "066-chat-ok-multi-turn",
        lambda client: client.chat.create("llama-2-7b", _HISTORY),
        returns((" a time, there was a small café ☕ in 东京.\n It sold data", "length", 16), of=_said),
    ),
    Row(
        "067-chat-ok-tool-call",
        create(content="[[tool]] weather?", tools=[WEATHER]),
        returns(("tool_calls", [("chatcmpl-tool-0001", "get_weather", '{"city": "Tokyo"}')]), of=_called),
    ),
    Row(
        "068-chat-ok-reasoning",
        create(content="[[think]]"),
        returns("Let me think about it.", of=lambda reply: reply.choices[0].message.reasoning_content),
    ),
    Row(
        "069-chat-ok-json",
        create(response_format={"type": "json_object"}),
        returns(('{"answer": 42}', "stop", 5), of=_said),
    ),
    Row("070-chat-ok-sglang", create("sg-8b"), _OK),
]

_REFUSALS = [
    Row("079-chat-404", create("nope"), raises(NotFoundError, "The specified endpoint could not be found.")),
    Row(
        "081-chat-422-empty-messages",
        lambda client: client.chat.create("llama-2-7b", []),
        raises(
            ValidationError,
            "messages: List should have at least 1 item after validation, not 0",
            fields=["messages"],
        ),
    ),
    Row(
        "082-chat-422-temperature",
        create(temperature=3),
        raises(
            ValidationError,
            "temperature: Input should be less than or equal to 2 (got 3)",
            fields=["temperature"],
        ),
    ),
    Row(
        "083-chat-400-not-supported-framework",
        create("mpt-7b"),
        raises(
            BadRequestError,
            "Unsupported inference type: The endpoint's inference framework "
            "(LLMInferenceFramework.TEXT_GENERATION_INFERENCE) does not support chat completion.",
        ),
    ),
    Row(
        "084-chat-400-upstream",
        create(content="[[bad-request]]"),
        raises(BadRequestError, "Input validation error: prompt was rejected by the model server"),
    ),
    Row(
        "088-chat-410-retired",
        create("retired-7b"),
        raises(GoneError, "The endpoint retired-7b is deprecated. max_workers is 0."),
    ),
]

_FAILURES = [
    # These 500s are not tried again: the same request would fail the same way.
    Row(
        "085-chat-400-upstream-4xx",
        create(content="[[upstream-4xx]]"),
        raises(ServerError, _INTERNAL, request_id="288bf7e7-16ca-4f49-ba60-d3426d05c8c3"),
    ),
    Row(
        "087-chat-500-unhandled",
        create(content="[[unhandled]]"),
        raises(ServerError, _INTERNAL, request_id="daa229c1-a004-45f7-bcce-f75cf353ef91"),
    ),
    # The failure of the model server is tried again, unless the client is not to: in vain, or with success.
    Row(_UPSTREAM, create(content="[[upstream-error]]"), _UPSTREAM_FAILED, client={"max_retries": 0}),
    Row(_UPSTREAM, create(content="[[upstream-error]]"), _UPSTREAM_FAILED, first=(_UPSTREAM, _UPSTREAM)),
    Row("064-chat-ok", create(temperature=0), _OK, first=(_UPSTREAM,)),
]

ROWS = [*_REPLIES, *_REFUSALS, *_FAILURES]
