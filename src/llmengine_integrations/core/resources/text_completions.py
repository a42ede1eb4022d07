"""Text completions in OpenAI's style (v2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import Unpack

from ...wire.text_completions import (
    TextCompletion,
    TextCompletionOptions,
    TextCompletionStreamOptions,
    TextPrompt,
)
from .._operation import Operation, StreamOperation
from .._resource import Resource, TransportT, endpoint, stream_endpoint
from ..streams.chat_events import TextReader
from ._v2 import inference

if TYPE_CHECKING:
    from .._timeouts import TimeoutLike


class TextCompletions(Resource[TransportT]):
    """Complete prompts in OpenAI's style. For vLLM and SGLang endpoints; `completions` serves every framework, and streams."""

    @endpoint
    def create(
        self,
        model: str,
        prompt: TextPrompt,
        *,
        timeout: TimeoutLike | None = None,
        **options: Unpack[TextCompletionOptions],
    ) -> Operation[TextCompletion]:
        """Complete one prompt or several and return the whole texts. `POST /v2/completions`.

        Args:
            model: The endpoint's name, as `models.list` shows it; it may contain a slash.
            prompt: The text to complete, or a list of texts; token ids instead of text are also possible. The choices of several prompts
                are in order, `n` for each.
            timeout: Seconds to wait for the next byte, instead of the client's; or an `httpx.Timeout`.
            **options: The fields of `TextCompletionOptions`. Without them, the server uses its defaults (16 tokens, for example).

        Raises:
            NotFoundError: The endpoint does not exist, or the key may not see it.
            ValidationError: A field is missing, malformed or out of range; the message names it.
            BadRequestError: The endpoint does not have this route, or its model server refuses the request.
            ServerError: The model server failed; retried `max_retries` times before. Also raised at once for a retired endpoint.
            APIConnectionError: There was no reply, even after retries.
        """
        body = {"model": model, "prompt": prompt}
        return Operation(inference(_PATH, body, options, TextCompletionOptions, timeout), TextCompletion)

    @stream_endpoint
    def stream(
        self,
        model: str,
        prompt: TextPrompt,
        *,
        timeout: TimeoutLike | None = None,
        **options: Unpack[TextCompletionStreamOptions],
    ) -> StreamOperation[TextCompletion]:
        """Complete a prompt, chunk by chunk as it is generated. `POST /v2/completions`.

        Today's gateway does not support this. It answers nearly every such request with status 500, because it refuses chunks without a
        finish reason. This method is for gateways that support it; `completions.stream` and `chat.stream` work everywhere.

        It is a context manager over an iterator of chunks. Entering it waits for the first chunk (and retries until then); leaving it
        closes the connection. Each chunk's `text` is what it adds to the first choice.

        Args:
            model: The endpoint's name, as `models.list` shows it; it may contain a slash.
            prompt: The text to complete, or a list of texts; token ids instead of text are also possible.
            timeout: Seconds to wait for the next byte, instead of the client's; or an `httpx.Timeout`.
            **options: The fields of `TextCompletionStreamOptions`: those of `create` and `stream_options`.

        Raises:
            ServerError: See above; not retried.
            StreamError: The server reported an error after the stream had begun.
            StreamTruncatedError: The stream ended before every choice was finished.
            StreamClosedError: It is read outside its block before its end, or without a block.
            LLMEngineError: Any other error of `create`, on entering.
        """
        body = {"model": model, "prompt": prompt, "stream": True}
        return StreamOperation(inference(_PATH, body, options, TextCompletionStreamOptions, timeout), TextReader)


_PATH = "/v2/completions"
