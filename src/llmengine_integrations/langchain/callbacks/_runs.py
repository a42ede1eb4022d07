"""A run of a model, token by token: each token's text, time and log-probability."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from uuid import UUID

from langchain_core.outputs import Generation, LLMResult

from ._generations import first, info_of, log_probs, model_of, text_of, usage_of


@dataclass(frozen=True, slots=True)
class StreamedToken:
    """A token of a stream. If the model does not report tokens (without log-probabilities), this is a piece of the text."""

    text: str
    """What it adds to the run's text. Empty if the token is special, or only part of a character."""
    log_prob: float | None = None
    """Natural logarithm of its probability, if it was requested."""
    elapsed: float | None = None
    """Seconds from the run's start; None if the answer came whole."""
    token: str | None = None
    """The token as the model reports it, including special ones such as an end token."""


@dataclass(slots=True)
class StreamedRun:
    """A run of a model, as far as it has come. Times are in seconds."""

    run_id: UUID
    tokens: list[StreamedToken] = field(default_factory=list[StreamedToken])
    text: str = ""
    duration: float | None = None
    """Seconds from its start to its end; None until it has ended."""
    error: BaseException | None = None
    """The error, if the run failed."""
    model_name: str | None = None
    finish_reason: str | None = None
    usage_metadata: Mapping[str, Any] | None = None
    """The server's token counts; None if it does not count, or if the run failed."""

    @property
    def time_to_first_token(self) -> float | None:
        """Seconds from the run's start to its first token; None if there was no token, or all came at once."""
        return next(self._times(), None)

    @property
    def inter_token_latencies(self) -> list[float]:
        """Seconds from each token to the next; 0 for tokens that came together."""
        times = list(self._times())
        return [later - earlier for earlier, later in pairwise(times)]

    @property
    def inter_token_latency(self) -> float | None:
        """The mean of the seconds from a token to the next; None for fewer than two tokens."""
        latencies = self.inter_token_latencies
        return sum(latencies) / len(latencies) if latencies else None

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens per second over the whole run, including the wait for the first token. Uses the server's token count if there is one."""
        count = (self.usage_metadata or {}).get("output_tokens") or len(self.tokens)
        return count / self.duration if count and self.duration else None

    @property
    def log_prob(self) -> float | None:
        """The sum of the log-probabilities; None if there are none."""
        found = self._log_probs()
        return math.fsum(found) if found else None

    @property
    def perplexity(self) -> float | None:
        """The exponential of the mean negative log-probability; 1 if the model was sure of every token. None without log-probabilities."""
        found = self._log_probs()
        if not found:
            return None
        try:
            return math.exp(-math.fsum(found) / len(found))
        except OverflowError:
            return math.inf

    def add(self, generation: Generation, elapsed: float | None) -> list[StreamedToken]:
        """Add a chunk, or a whole answer, and return its tokens."""
        text = text_of(generation)
        reported = list(log_probs(info_of(generation)))
        pieces = _pieces(text, [token for token, _ in reported])
        tokens = [
            StreamedToken(piece, log_prob, elapsed, token)
            for piece, (token, log_prob) in zip(pieces, reported, strict=True)
        ]
        if not tokens and text:
            tokens = [StreamedToken(text, None, elapsed)]
        self.tokens += tokens
        self.text += text
        return tokens

    def end(self, result: LLMResult) -> None:
        """Add the result of the run, including the tokens of an answer that came whole."""
        generation = first(result)
        if generation is not None and not self.tokens:
            self.add(generation, None)
        info = info_of(generation)
        self.model_name = model_of(result)
        self.finish_reason = info.get("finish_reason")
        self.usage_metadata = usage_of(result)

    def _times(self) -> Iterator[float]:
        return (token.elapsed for token in self.tokens if token.elapsed is not None)

    def _log_probs(self) -> list[float]:
        return [token.log_prob for token in self.tokens if token.log_prob is not None]


def _pieces(text: str, tokens: Sequence[str]) -> list[str]:
    """Split the text among its tokens. A token that does not continue it gets nothing; the last one gets all that is left."""
    pieces = list[str]()
    for token in tokens[:-1]:
        pieces.append(token if text.startswith(token) else "")
        text = text[len(pieces[-1]) :]
    return [*pieces, text] if tokens else []
