"""The common parts of chat and text replies. Keys are in the gateway's order."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from ..runtime.generation import Piece


class Envelope:
    """The fields that every body and chunk of one reply shares.

    Args:
        prefix: the prefix of the id.
        model: the requested model name.
        kind: the value of `object`.
    """

    def __init__(self, prefix: str, model: str, kind: str) -> None:
        self._id = f"{prefix}-{uuid.uuid4().hex}"
        self._created = int(time.time())
        self._model = model
        self._kind = kind

    def body(self, choices: list[dict[str, Any]], usage: dict[str, Any], *between: str) -> dict[str, Any]:
        """A complete reply; `between` names the keys that are always null."""
        head = {"id": self._id, "choices": choices, "created": self._created, "model": self._model}
        return {**head, **dict.fromkeys(between), "object": self._kind, "usage": usage}

    def chunk(self, choice: dict[str, Any]) -> dict[str, Any]:
        """A chunk of a stream. It omits null keys."""
        head = {"id": self._id, "choices": [choice], "created": self._created, "model": self._model}
        return {**head, "object": self._kind}

    def usage_chunk(self, usage: dict[str, Any]) -> dict[str, Any]:
        """The chunk after all choices, with the usage."""
        return {**self.chunk({}), "choices": [], "usage": usage}


class Tally:
    """Counts the tokens of a reply.

    Args:
        candidates: the number of choices generated for each prompt. A prompt is counted once.
    """

    def __init__(self, candidates: int) -> None:
        self._candidates = candidates
        self._prompts: dict[int, int] = {}
        self._completion_tokens = 0

    def count(self, index: int, last: Piece) -> None:
        """Count a choice by its last piece."""
        self._prompts[index // self._candidates] = last.num_prompt_tokens or 0
        self._completion_tokens += last.num_tokens

    def usage(self) -> dict[str, Any]:
        """The counts, for a chunk."""
        prompt = sum(self._prompts.values())
        completion = self._completion_tokens
        return {"completion_tokens": completion, "prompt_tokens": prompt, "total_tokens": completion + prompt}

    def full_usage(self) -> dict[str, Any]:
        """The counts, for a non-streamed reply."""
        return self.usage() | {"completion_tokens_details": None, "prompt_tokens_details": None}


def best(choices: Sequence[list[Piece]], candidates: int, wanted: int) -> list[list[Piece]]:
    """The best `wanted` candidates of every prompt, by mean log-probability per token, best first. If all are wanted, the order stays."""
    if candidates == wanted:
        return list(choices)
    groups = (choices[start : start + candidates] for start in range(0, len(choices), candidates))
    return [pieces for group in groups for pieces in sorted(group, key=_mean_log_prob, reverse=True)[:wanted]]


def chat_logprobs(pieces: Iterable[Piece]) -> list[dict[str, Any]]:
    """The tokens of a chat reply with their log-probabilities."""
    return [
        _token(piece.token, piece.log_prob) | {"top_logprobs": [_token(*alternative) for alternative in piece.top]}
        for piece in pieces
        if piece.token is not None and piece.log_prob is not None
    ]


def text_logprobs(pieces: Iterable[Piece], offset: int) -> dict[str, Any]:
    """The tokens of a text with their log-probabilities and their offsets; the first token is at `offset`."""
    tokens, log_probs, offsets, tops = list[str](), list[float](), list[int](), list[dict[str, float]]()
    for piece in pieces:
        if piece.token is not None and piece.log_prob is not None:
            tokens.append(piece.token)
            log_probs.append(piece.log_prob)
            offsets.append(offset)
            tops.append({piece.token: piece.log_prob} if not piece.top else _with_chosen(piece))
            offset += len(piece.token)
    return {"text_offset": offsets, "token_logprobs": log_probs, "tokens": tokens, "top_logprobs": tops}


def _with_chosen(piece: Piece) -> dict[str, float]:
    """The alternatives, followed by the token itself if it is not among them, as in vLLM."""
    chosen = {} if piece.token is None or piece.log_prob is None else {piece.token: piece.log_prob}
    return dict(piece.top) | chosen


def _token(token: str, log_prob: float) -> dict[str, Any]:
    return {"token": token, "logprob": log_prob, "bytes": list(token.encode())}


def _mean_log_prob(pieces: Sequence[Piece]) -> float:
    return sum(piece.log_prob or 0.0 for piece in pieces) / max(1, len(pieces))
