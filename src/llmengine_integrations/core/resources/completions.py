"""Text completions (v1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import Unpack

from ...wire.completions import Completion, CompletionChunk, CompletionOptions
from .._operation import Operation, Request, StreamOperation, set_options
from .._resource import Resource, TransportT, endpoint, stream_endpoint
from ..errors import InvalidArgumentError
from ..streams.completion_events import CompletionEventReader

if TYPE_CHECKING:
    from .._timeouts import TimeoutLike


class Completions(Resource[TransportT]):
    """Complete a prompt, whole or token by token."""

    @endpoint
    def create(
        self,
        model: str,
        prompt: str,
        *,
        max_new_tokens: int = 256,
        temperature: float = 0.2,
        timeout: TimeoutLike | None = None,
        **options: Unpack[CompletionOptions],
    ) -> Operation[Completion]:
        """Complete a prompt and return the whole text. `POST /v1/llm/completions-sync`.

        Args:
            model: The endpoint's name, as `models.list` shows it; it may contain a slash.
            prompt: The text to complete.
            max_new_tokens: The maximum number of tokens to generate.
            temperature: 0 (the likeliest token each time) to 1 (the model's own distribution).
            timeout: Seconds to wait for the next byte, instead of the client's; or an `httpx.Timeout`.
            **options: The fields of `CompletionOptions`. Without them, the server uses its defaults.

        Raises:
            NotFoundError: The endpoint does not exist, or the key may not see it.
            ValidationError: A field is out of range; the message names it.
            BadRequestError: The endpoint's framework does not support an option.
            ServerError: The model server failed; retried `max_retries` times before.
            APIConnectionError: There was no reply, even after retries.
        """
        request = _request("sync", model, prompt, max_new_tokens, temperature, timeout, options)
        return Operation(request, Completion)

    @stream_endpoint
    def stream(
        self,
        model: str,
        prompt: str,
        *,
        max_new_tokens: int = 256,
        temperature: float = 0.2,
        timeout: TimeoutLike | None = None,
        **options: Unpack[CompletionOptions],
    ) -> StreamOperation[CompletionChunk]:
        """Complete a prompt, event by event as it is generated. `POST /v1/llm/completions-stream`.

        It is a context manager over an iterator of chunks. Entering it waits for the first chunk (and retries until then); leaving it
        closes the connection. Each chunk's `output.text` is what it adds, for every framework.

        Args:
            model: The endpoint's name, as `models.list` shows it; it may contain a slash.
            prompt: The text to complete.
            max_new_tokens: The maximum number of tokens to generate.
            temperature: 0 (the likeliest token each time) to 1 (the model's own distribution).
            timeout: Seconds to wait for the next byte, instead of the client's; or an `httpx.Timeout`.
            **options: The fields of `CompletionOptions`. Without them, the server uses its defaults.

        Raises:
            StreamError: The server reported an error after the stream had begun.
            StreamTruncatedError: The stream ended before the completion was finished.
            StreamClosedError: It is read outside its block before its end, or without a block.
            LLMEngineError: Any error of `create`, on entering.
        """
        request = _request("stream", model, prompt, max_new_tokens, temperature, timeout, options)
        return StreamOperation(request, CompletionEventReader)


def _request(
    mode: str,
    model: str,
    prompt: str,
    max_new_tokens: int,
    temperature: float,
    timeout: TimeoutLike | None,
    options: Mapping[str, Any],
) -> Request:
    if not model:  # the gateway reads an empty name as "any endpoint"
        raise InvalidArgumentError("The model's name is empty.")
    body = {"prompt": prompt, "max_new_tokens": max_new_tokens, "temperature": temperature}
    return Request(
        method="POST",
        path=f"/v1/llm/completions-{mode}",
        query={"model_endpoint_name": model},
        json=body | set_options(options, CompletionOptions, *body, "timeout"),
        timeout=timeout,
    )
