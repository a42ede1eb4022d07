"""A completion on its way through the engine: what was asked, what came, and how it crosses from thread to event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .constraints import Constraint

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How the next token is chosen. The defaults choose the likeliest."""

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float = 0.0
    """Leaves out tokens that are less likely than this share of the likeliest one's probability."""
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    """Makes tokens of prompt and text less likely, by division; 1 means no penalty."""
    logit_bias: Mapping[int, float] | None = None
    """Added to the logits of tokens."""
    seed: int | None = None
    """None draws a fresh seed for every completion."""
    top_log_probs: int = 0
    """How many of the likeliest tokens come with each token, when log-probs are asked for."""
    banned: frozenset[int] = frozenset()
    """Tokens that cannot be chosen before `banned_until` tokens have been."""
    banned_until: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatPrompt:
    """The messages of a chat, and what else the model's own chat template makes a prompt of."""

    messages: Sequence[Mapping[str, Any]]
    """OpenAI's messages, with their content as text; the arguments of tool calls are objects where they are valid JSON."""
    tools: Sequence[Mapping[str, Any]] = ()
    """OpenAI's tools: those that the model may see."""
    documents: Sequence[Mapping[str, Any]] | None = None
    """Documents for templates that cite them."""
    add_generation_prompt: bool = True
    """Whether the prompt ends with the beginning of the assistant's message."""
    continue_final_message: bool = False
    """Whether the model goes on with the last message instead of beginning a new one."""
    template_variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Further variables of the template, as the client sent them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One completion to generate."""

    prompt: str | tuple[int, ...] | ChatPrompt
    """Text, tokens, or the messages of a chat, which the model's own template turns into text."""
    max_new_tokens: int | None
    """None: as many as the context has room for."""
    sampling: SamplingParams = SamplingParams()
    stop_sequences: tuple[str, ...] = ()
    include_stop: bool = False
    log_probs: bool = False
    skip_special_tokens: bool = True
    add_special_tokens: bool | None = None
    """Whether the tokenizer adds what it adds to texts (a begin-of-text). None: to a text, not to a chat, whose template does."""
    stop_tokens: frozenset[int] = frozenset()
    """Tokens that end the text, in addition to the model's own."""
    ignore_end: bool = False
    """Whether to go on after the model's own end-of-text tokens."""
    min_tokens: int = 0
    """Tokens to generate before anything may end the text."""
    echo: bool = False
    """Whether the text begins with the prompt."""
    constraint: Constraint | None = None
    """What the text must look like, unless `max_new_tokens` or a stop sequence cuts it. `min_tokens` and `ignore_end` give way to it."""
    incremental: bool = False
    """Whether pieces are delivered as they come (a stream) or all at the end."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one generated token added.

    The text is empty while it may still turn out to begin a stop sequence, or while its last character is incomplete; then a later
    piece brings it. The piece of an end-of-text token has no text of its own.
    """

    text: str
    num_tokens: int
    """Tokens generated so far."""
    num_prompt_tokens: int | None = None
    """On the last piece."""
    token: str | None = None
    """The token's own text, when log-probs were asked for."""
    log_prob: float | None = None
    finish_reason: FinishReason | None = None
    """On the last piece."""
    top: tuple[tuple[str, float], ...] = ()
    """The likeliest tokens' own texts, when asked for."""

    @property
    def finished(self) -> bool:
        """Whether this is the last piece."""
        return self.num_prompt_tokens is not None


class GenerationError(Exception):
    """A completion that cannot go on.

    Attributes:
        status_code: 400 when the request is at fault, 503 when the engine stops, else 500.
        message: the reason, for the client; empty for 500, whose text the gateway fixes.
    """

    def __init__(self, status_code: int, message: str = "") -> None:
        super().__init__(message or f"generation failed ({status_code})")
        self.status_code = status_code
        self.message = message


class Generation:
    """The event loop's end of a completion: pieces arrive here; `cancel` tells the generation thread to drop it."""

    def __init__(self, request: GenerationRequest) -> None:
        self.request = request
        self.cancelled = False
        self._pieces: list[Piece] = []
        self._error: GenerationError | None = None
        self._arrived = asyncio.Event()

    def cancel(self) -> None:
        """Stop generating; nobody listens any more. Harmless when it is over already."""
        self.cancelled = True

    def deliver(self, pieces: list[Piece], error: GenerationError | None) -> None:
        """Take in what the generation thread produced. Runs on the event loop."""
        self._pieces += pieces
        self._error = error
        self._arrived.set()

    async def take(self) -> list[Piece]:
        """Wait for pieces and return all that have come; never an empty list.

        Raises:
            GenerationError: generation failed; pieces that came before have been returned before.
        """
        await self._arrived.wait()
        if self._pieces:
            pieces, self._pieces = self._pieces, []
            if self._error is None:
                self._arrived.clear()
            return pieces
        if self._error is None:
            raise AssertionError("woken without a piece or an error")
        raise self._error
