"""`chat.stream`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmengine_integrations.core.errors import GoneError, NotFoundError, ServerError, StreamError

from ..row import Row, raises, streams
from .chat import WEATHER, user
from .story import TOKENS


def stream(model: str = "llama-2-7b", content: str = "hello", **options: Any) -> Callable[[Any], Any]:
    """The call behind a recording; most of them ask the same."""
    return lambda client: client.chat.stream(model, [user(content)], **{"max_tokens": 5} | options)


def _body(chunk: Any) -> dict[str, Any]:
    """A chunk as it came, without the envelope that all chunks of a stream share."""
    return chunk.model_dump(mode="json", exclude_unset=True, exclude={"created", "model", "object"})


def _chunk(stream_id: str, *choices: Any, **more: Any) -> dict[str, Any]:
    return {"id": stream_id, "choices": list(choices), **more}


def _story(stream_id: str, count: int, *, start: int = 0, finished: bool = True) -> list[dict[str, Any]]:
    """The chunks in which the model tells its tokens."""
    texts = [token for token, _ in TOKENS[start : start + count]]
    chunks = [_chunk(stream_id, {"delta": {"content": text}, "index": 0}) for text in texts]
    if finished:
        chunks[-1]["choices"][0]["finish_reason"] = "length"
    return chunks


def _role(stream_id: str) -> dict[str, Any]:
    """The chunk that begins every stream."""
    return _chunk(stream_id, {"delta": {"content": "", "role": "assistant"}, "index": 0})


def _told(stream_id: str) -> list[dict[str, Any]]:
    return [_role(stream_id), *_story(stream_id, 5)]


def _broken(stream_id: str) -> list[dict[str, Any]]:
    return [_role(stream_id), *_story(stream_id, 3, finished=False)]


def _call(stream_id: str, **call: Any) -> dict[str, Any]:
    return _chunk(stream_id, {"delta": {"tool_calls": [{"index": 0, **call}]}, "index": 0})


def _thought(stream_id: str, text: str) -> dict[str, Any]:
    return _chunk(stream_id, {"delta": {"reasoning_content": text}, "index": 0})


_INTERNAL = "Internal error occurred. Our team has been notified."
_OK = "chatcmpl-978756a291824305b7fd41d77a26c68b"
_USAGE = "chatcmpl-085e7af67fa243cb8571531b37a22048"
_TOOL = "chatcmpl-2638dad1d0e246129e52a68d7bd4342e"
_THINK = "chatcmpl-386c636f9141467b8dd8e9157f6767f2"
_ERROR = "chatcmpl-1ff4bb06eed744cda4f82b69e99cb004"
_CRASH = "chatcmpl-ccc0148f977741409c3dffeadf78fdf7"
_ERROR_ID = "76935ece-30c7-4fea-b444-3dfe8d65d911"

_STREAMS = [
    Row("071-chat-stream-ok", stream(temperature=0), streams(_told(_OK), of=_body)),
    Row(
        "072-chat-stream-usage",
        stream(stream_options={"include_usage": True}),
        streams(
            [
                *_told(_USAGE),
                _chunk(_USAGE, usage={"completion_tokens": 5, "prompt_tokens": 1, "total_tokens": 6}),
            ],
            of=_body,
        ),
    ),
    Row(
        "073-chat-stream-tool",
        stream(content="[[tool]] weather?", tools=[WEATHER]),
        streams(
            [
                _role(_TOOL),
                _call(
                    _TOOL,
                    id="chatcmpl-tool-0001",
                    type="function",
                    function={"name": "get_weather", "arguments": ""},
                ),
                _call(_TOOL, function={"arguments": '{"city": '}),
                _call(_TOOL, function={"arguments": '"Tokyo"}'}),
                _chunk(_TOOL, {"delta": {}, "finish_reason": "tool_calls", "index": 0}),
            ],
            of=_body,
        ),
    ),
    Row(
        "074-chat-stream-reasoning",
        stream(content="[[think]]"),
        streams(
            [_role(_THINK), _thought(_THINK, "Let me"), _thought(_THINK, " think."), *_story(_THINK, 5, start=4)],
            of=_body,
        ),
    ),
]

_BREAKS = [
    Row(
        "075-chat-stream-midstream-error",
        stream(content="[[mid-stream-error]]"),
        raises(
            StreamError,
            f"Upstream service error for request_id {_ERROR_ID}",
            status_code=500,
            request_id=_ERROR_ID,
            text=" Once upon a",
            after=_broken(_ERROR),
            of=_body,
        ),
    ),
    Row(
        "076-chat-stream-midstream-crash",
        stream(content="[[mid-stream-crash]]"),
        raises(
            StreamError,
            _INTERNAL,
            status_code=500,
            request_id=None,
            text=" Once upon a",
            after=_broken(_CRASH),
            of=_body,
        ),
    ),
    # Not tried again: the gateway says the same of a request that its model server refuses.
    Row("077-chat-stream-first-chunk-error", stream(content="[[upstream-error]]"), raises(ServerError, _INTERNAL)),
]

_REFUSALS = [
    Row("078-chat-stream-404", stream("nope"), raises(NotFoundError, "Model endpoint nope not found.")),
    Row(
        "089-chat-stream-410-retired",
        stream("retired-7b"),
        raises(GoneError, "The endpoint retired-7b is deprecated. max_workers is 0."),
    ),
]

ROWS = [*_STREAMS, *_BREAKS, *_REFUSALS]
