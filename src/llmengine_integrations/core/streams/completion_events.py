"""Reads the events of a completion stream: raises errors, skips empty events, knows how each framework ends a stream."""

from __future__ import annotations

from pydantic import ValidationError

from ...wire.completions import CompletionChunk, CompletionStreamEvent, CompletionStreamOutput
from .._operation import parse
from ..errors import StreamError, StreamTruncatedError, decode, mapping, message_of, request_id_of

_DONE = b"[DONE]"  # the gateway never sends it, but OpenAI-minded proxies in front of it do


class CompletionEventReader:
    """One stream's state.

    Most frameworks send deltas and end with `finished`. Two differ (section 2 of the gateway's contract):

    * TensorRT-LLM never sets `finished`. It alone counts the prompt's tokens on every event, so a stream of such events may end
      without it.
    * DeepSpeed repeats the whole text in its last event. It alone leaves the earlier events uncounted, so what they brought is taken off.
    """

    def __init__(self) -> None:
        self.finished = False
        self._texts: list[str] = []
        self._may_just_end = False
        self._uncounted = True
        self._request_id: str | None = None
        # Pydantic's method around it looks at options that nobody gives, for each token.
        self._validate = CompletionChunk.__pydantic_validator__.validate_json

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._texts)

    def feed(self, data: bytes) -> CompletionChunk | None:
        """Read one event's data.

        Raises:
            StreamError: It reports an error.
            InvalidResponseError: It is not an event of this route.
        """
        if data[:6] == _DONE:  # some proxies write more behind it
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
        """The connection ended in order.

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
        parse(CompletionStreamEvent, data)  # an empty event, or none of this route
        return None


def stream_error(data: bytes, text: str) -> StreamError | None:
    """The exception for an event, if it reports an error: in the gateway's shape, or in whatever a proxy made of it."""
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
