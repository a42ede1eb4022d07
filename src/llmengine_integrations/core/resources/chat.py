"""Chat completions (v2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import BaseModel
from typing_extensions import Unpack

from ...wire.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessage,
    ChatOptions,
    ChatStreamOptions,
)
from ...wire.chat_messages import ChatMessageParam
from .._operation import Operation, StreamOperation
from .._resource import Resource, TransportT, endpoint, stream_endpoint
from ..streams.chat_events import ChatEventReader
from ._v2 import inference

if TYPE_CHECKING:
    from .._timeouts import TimeoutLike

ChatMessage: TypeAlias = ChatMessageParam | ChatCompletionMessage | Mapping[str, Any]
"""A message to send: a dict, typed or not, or the message of an earlier reply."""


class Chat(Resource[TransportT]):
    """Chat with a model. Replies are whole or streamed. For vLLM and SGLang endpoints."""

    @endpoint
    def create(
        self,
        model: str,
        messages: Sequence[ChatMessage],
        *,
        timeout: TimeoutLike | None = None,
        **options: Unpack[ChatOptions],
    ) -> Operation[ChatCompletion]:
        """Return the model's next message, whole. `POST /v2/chat/completions`.

        Args:
            model: The endpoint's name, as `models.list` shows it; it may contain a slash.
            messages: The chat so far, oldest first: dicts such as `{"role": "user", "content": "Hello"}`, or messages of earlier
                replies as they came.
            timeout: Seconds to wait for the next byte, instead of the client's; or an `httpx.Timeout`.
            **options: The fields of `ChatOptions`. Without them, the server uses its defaults.

        Raises:
            NotFoundError: The endpoint does not exist, or the key may not see it.
            GoneError: The endpoint is retired.
            ValidationError: A field is missing, malformed or out of range; the message names it.
            BadRequestError: The endpoint does not support chat, or its model server refuses the request.
            ServerError: The model server failed; retried `max_retries` times before.
            APIConnectionError: There was no reply, even after retries.
        """
        return Operation(inference(_PATH, _body(model, messages), options, ChatOptions, timeout), ChatCompletion)

    @stream_endpoint
    def stream(
        self,
        model: str,
        messages: Sequence[ChatMessage],
        *,
        timeout: TimeoutLike | None = None,
        **options: Unpack[ChatStreamOptions],
    ) -> StreamOperation[ChatCompletionChunk]:
        """Return the model's next message, chunk by chunk as it is generated. `POST /v2/chat/completions`.

        It is a context manager over an iterator of chunks. Entering it waits for the first chunk (and retries until then); leaving it
        closes the connection. Each chunk's `text` is what it adds to the first choice; `choices[i].delta` is all that it adds.

        Args:
            model: The endpoint's name, as `models.list` shows it; it may contain a slash.
            messages: The chat so far, oldest first: dicts such as `{"role": "user", "content": "Hello"}`, or messages of earlier
                replies as they came.
            timeout: Seconds to wait for the next byte, instead of the client's; or an `httpx.Timeout`.
            **options: The fields of `ChatStreamOptions`: those of `create` and `stream_options`.

        Raises:
            StreamError: The server reported an error after the stream had begun.
            StreamTruncatedError: The stream ended before every choice was finished.
            StreamClosedError: It is read outside its block before its end, or without a block.
            ServerError: The model server failed, or refused the request. Before the first chunk, the gateway reports both as "Internal
                error", which is not retried.
            LLMEngineError: Any other error of `create`, on entering.
        """
        body = {**_body(model, messages), "stream": True}
        return StreamOperation(inference(_PATH, body, options, ChatStreamOptions, timeout), ChatEventReader)


_PATH = "/v2/chat/completions"


def _body(model: str, messages: Sequence[ChatMessage]) -> dict[str, Any]:
    return {"model": model, "messages": [_message(message) for message in messages]}


def _message(message: ChatMessage) -> Mapping[str, Any]:
    """Return a message as it is sent; one from a reply without its empty fields."""
    return message.model_dump(mode="json", exclude_none=True) if isinstance(message, BaseModel) else message
