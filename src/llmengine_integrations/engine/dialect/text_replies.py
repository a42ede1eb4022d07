"""The replies to text completion requests: texts with their log-probabilities, complete or in chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..runtime.generation import Piece
from .choices import Arrival
from .openai_replies import Envelope, Tally, best, text_logprobs


@dataclass(frozen=True, slots=True, kw_only=True)
class TextForm:
    """The form of the reply."""

    model: str
    prompts: int = 1
    n: int = 1
    candidates: int = 1
    logprobs: bool = False
    include_usage: bool = False


class TextWriter:
    """Writes the reply of one request. Choices are numbered prompt by prompt."""

    def __init__(self, form: TextForm) -> None:
        self._form = form
        self._tally = Tally(form.candidates)
        self._envelope = Envelope("cmpl", form.model, "text_completion")
        self._offsets = [0] * (form.prompts * form.n)

    def full_reply(self, choices: Sequence[list[Piece]]) -> object:
        """The body of a non-streamed reply."""
        for index, pieces in enumerate(choices):
            self._tally.count(index, pieces[-1])
        chosen = best(choices, self._form.candidates, self._form.n)
        found = [self._choice(index, pieces) for index, pieces in enumerate(chosen)]
        return self._envelope.body(found, self._tally.full_usage(), "system_fingerprint")

    def first(self) -> list[object]:
        """Returns no chunks: the stream starts with the first text."""
        return []

    def chunks(self, arrival: Arrival) -> list[object]:
        """The chunks of some pieces of a choice."""
        return [
            self._envelope.chunk(self._chunk(arrival.choice, piece))
            for piece in arrival.pieces
            if piece.text or piece.finished or self._form.logprobs
        ]

    def last(self) -> list[object]:
        """The chunk with the usage, if the request asked for it."""
        return [self._envelope.usage_chunk(self._tally.usage())] if self._form.include_usage else []

    def _choice(self, index: int, pieces: Sequence[Piece]) -> dict[str, Any]:
        return {
            "finish_reason": pieces[-1].finish_reason,
            "index": index,
            "logprobs": text_logprobs(pieces, 0) if self._form.logprobs else None,
            "text": "".join(piece.text for piece in pieces),
        }

    def _chunk(self, index: int, piece: Piece) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": index}
        if piece.finished:
            self._tally.count(index, piece)
            choice = {"finish_reason": piece.finish_reason, "index": index}
        if self._form.logprobs:
            choice["logprobs"] = text_logprobs([piece], self._offsets[index])
            self._offsets[index] += len(piece.token or "")
        return {**choice, "text": piece.text}
