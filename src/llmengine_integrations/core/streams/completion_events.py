"""Reads the events of a completion stream: raises errors, skips empty events, and knows how each framework ends a stream."""

from __future__ import annotations

from pydantic import ValidationError

from ...wire.completions import CompletionChunk, CompletionStreamEvent, CompletionStreamOutput
from .._operation import parse
from ..errors import StreamError, StreamTruncatedError, decode, mapping, message_of, request_id_of

_DONE = b"[DONE]"  # the gateway never sends it, but OpenAI-style proxies in front of it do


class CompletionEventReader:
    """The state of one stream.

    Most frameworks send deltas and end with `finished`. Two differ (section 2 of the gateway's contract):

    * TensorRT-LLM never sets `finished`. Only TensorRT-LLM counts the prompt's tokens on every event, so a stream of such events may end
      without it.
    * DeepSpeed repeats the whole text in its last event. Only DeepSpeed does not count the earlier events, so their text is removed from
    it.
    """

    def __init__(self) -> None:
        self.finished = False
        self._texts: list[str] = []
        self._may_just_end = False
        self._uncounted = True
        self._request_id: str | None = None
        # Pydantic's method around it checks options that are not used here, for each token.
        self._validate = CompletionChunk.__pydantic_validator__.validate_json

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._texts)

    def feed(self, data: bytes) -> CompletionChunk | None:
        """Read one event's data.

        Raises:
            StreamError: The event reports an error.
            InvalidResponseError: It is not an event of this route.
        """
        if data[:6] == _DONE:  # some proxies write more after it
            self.finished = True
            return None
        try:
            chunk: CompletionChunk = self._validate(data)
        except ValidationError:
            return self._no_chunk(data)
        output = chunk.output
        if output.finished:
            self._finish(output)
        else:
            self._may_just_end = output.num_prompt_tokens is not None
            self._uncounted = self._uncounted and output.num_completion_tokens is None
        self._texts.append(output.text)
        self._request_id = chunk.request_id
        return chunk

    def end(self) -> None:
        """Handle the orderly end of the connection.

        Raises:
            StreamTruncatedError: The server had not said that the completion was finished.
        """
        if not self.finished and not self._may_just_end:
            raise StreamTruncatedError(
                f"The stream ended before the completion was finished, after {len(self._texts)} events.",
                request_id=self._request_id,
                text=self.text,
            )

    def _finish(self, output: CompletionStreamOutput) -> None:
        self.finished = True
        if self._uncounted and self._texts:
            output.text = output.text.removeprefix(self.text)

    def _no_chunk(self, data: bytes) -> CompletionChunk | None:
        if (reported := stream_error(data, self.text)) is not None:
            raise reported
        parse(CompletionStreamEvent, data)  # an empty event, or one of another route
        return None


def stream_error(data: bytes, text: str) -> StreamError | None:
    """Return the exception for an event that reports an error, in the gateway's form or in a proxy's; None for any other event."""
    event = decode(data)
    reported = mapping(event).get("error")
    if not reported:
        return None
    message, status = message_of(mapping(reported).get("content", reported)), mapping(reported).get("status_code")
    request_id = request_id_of(event) or request_id_of({"detail": message})
    return StreamError(
        message or "The server reported an error and no explanation.",
        status_code=status if isinstance(status, int) else None,
        request_id=request_id,
        body=reported,
        text=text,
    )
