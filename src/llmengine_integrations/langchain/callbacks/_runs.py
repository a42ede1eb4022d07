"""A run of a model, token by token: what came, when, and how sure the model was."""

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
    """A token that came. If the model does not report tokens, as without log-probabilities, a piece of the text."""

    text: str
    """What it adds to the run's text; nothing, if it is special, or but a part of a character."""
    log_prob: float | None = None
    """Natural logarithm of its probability, if it was asked for."""
    elapsed: float | None = None
    """Seconds from the run's start; None if the answer came whole."""
    token: str | None = None
    """The token as the model reports it, special ones such as an end token included."""


@dataclass(slots=True)
class StreamedRun:
    """A run of a model, as far as it has come. Times are in seconds."""

    run_id: UUID
    tokens: list[StreamedToken] = field(default_factory=list[StreamedToken])
    text: str = ""
    duration: float | None = None
    """From its start to its end; None until then."""
    error: BaseException | None = None
    """Why it failed, if it did."""
    model_name: str | None = None
    finish_reason: str | None = None
    usage_metadata: Mapping[str, Any] | None = None
    """The server's counts of tokens; None where it does not count, or the run failed."""

    @property
    def time_to_first_token(self) -> float | None:
        """From the run's start to its first token; None if none came, or all at once."""
        return next(self._times(), None)

    @property
    def inter_token_latencies(self) -> list[float]:
        """From each token to the next; 0 for those that came together."""
        times = list(self._times())
        return [later - earlier for earlier, later in pairwise(times)]

    @property
    def inter_token_latency(self) -> float | None:
        """The mean from a token to the next; None below two tokens."""
        latencies = self.inter_token_latencies
        return sum(latencies) / len(latencies) if latencies else None

    @property
    def tokens_per_second(self) -> float | None:
        """Over the whole run, the wait for the first token included. By the server's count of tokens where it counts."""
        count = (self.usage_metadata or {}).get("output_tokens") or len(self.tokens)
        return count / self.duration if count and self.duration else None

    @property
    def log_prob(self) -> float | None:
        """The sum of the log-probabilities; None if there are none."""
        found = self._log_probs()
        return math.fsum(found) if found else None

    @property
    def perplexity(self) -> float | None:
        """The exponential of the mean negative log-probability, 1 where the model was sure of every token; None without any."""
        found = self._log_probs()
        if not found:
            return None
        try:
            return math.exp(-math.fsum(found) / len(found))
        except OverflowError:
            return math.inf

    def add(self, generation: Generation, elapsed: float | None) -> list[StreamedToken]:
        """Take in a chunk, or a whole answer, and return its tokens."""
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
        """Take in what the run ended with; a whole answer's tokens, too."""
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
    """The text, shared out among its tokens: a token that does not go on with it gets nothing, the last one all that is left."""
    pieces = list[str]()
    for token in tokens[:-1]:
        pieces.append(token if text.startswith(token) else "")
        text = text[len(pieces[-1]) :]
    return [*pieces, text] if tokens else []
