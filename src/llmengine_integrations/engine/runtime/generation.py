"""A completion in the engine: its request, its pieces, and their way from the generation thread to the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .constraints import Constraint

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How the next token is chosen. The defaults choose the most likely token."""

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float = 0.0
    """Excludes tokens whose probability is below this fraction of the most likely token's probability."""
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    """Makes tokens that occur in the prompt or the text less likely, by division; 1 means no penalty."""
    logit_bias: Mapping[int, float] | None = None
    """Values to add to the logits of tokens."""
    seed: int | None = None
    """The seed of the random numbers. None draws a new seed for every completion."""
    top_log_probs: int = 0
    """How many of the most likely tokens are returned with each token, if log-probs are requested."""
    banned: frozenset[int] = frozenset()
    """Tokens that cannot be chosen until `banned_until` tokens have been chosen."""
    banned_until: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatPrompt:
    """The messages of a chat, and the other inputs of the model's chat template."""

    messages: Sequence[Mapping[str, Any]]
    """Messages in OpenAI's format, with their content as text. The arguments of tool calls are objects if they are valid JSON."""
    tools: Sequence[Mapping[str, Any]] = ()
    """The tools that the model sees, in OpenAI's format."""
    documents: Sequence[Mapping[str, Any]] | None = None
    """Documents, for templates that use them."""
    add_generation_prompt: bool = True
    """Whether the prompt ends with the start of an assistant message."""
    continue_final_message: bool = False
    """Whether the model continues the last message instead of starting a new one."""
    template_variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Additional template variables, as the client sent them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One completion to generate."""

    prompt: str | tuple[int, ...] | ChatPrompt
    """Text, tokens, or the messages of a chat, which the model's template turns into text."""
    max_new_tokens: int | None
    """The token limit; None for as many as fit in the context."""
    sampling: SamplingParams = SamplingParams()
    stop_sequences: tuple[str, ...] = ()
    include_stop: bool = False
    log_probs: bool = False
    skip_special_tokens: bool = True
    add_special_tokens: bool | None = None
    """Whether the tokenizer adds special tokens, such as begin-of-text. None: yes for text, no for a chat, whose template adds them."""
    stop_tokens: frozenset[int] = frozenset()
    """Tokens that end the text, in addition to the model's own."""
    ignore_end: bool = False
    """Whether to continue after the model's own end-of-text tokens."""
    min_tokens: int = 0
    """The number of tokens to generate before anything may end the text."""
    echo: bool = False
    """Whether the text starts with the prompt."""
    constraint: Constraint | None = None
    """The constraint on the text, unless `max_new_tokens` or a stop sequence cuts it. It overrides `min_tokens` and `ignore_end`."""
    incremental: bool = False
    """Whether pieces are delivered as they are generated (a stream) or all at the end."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The text and data that one generated token adds.

    The text is empty while it may be the start of a stop sequence, or while its last character is incomplete. A later piece then
    contains it. The piece of an end-of-text token has no text of its own.
    """

    text: str
    num_tokens: int
    """The number of tokens generated so far."""
    num_prompt_tokens: int | None = None
    """Set on the last piece only."""
    token: str | None = None
    """The token's own text, if log-probs were requested."""
    log_prob: float | None = None
    finish_reason: FinishReason | None = None
    """Set on the last piece only."""
    top: tuple[tuple[str, float], ...] = ()
    """The texts and log-probabilities of the most likely tokens, if requested."""

    @property
    def finished(self) -> bool:
        """Whether this is the last piece."""
        return self.num_prompt_tokens is not None


class GenerationError(Exception):
    """A completion that cannot continue.

    Attributes:
        status_code: 400 if the request is at fault, 503 if the engine is stopping, otherwise 500.
        message: the reason, for the client. It is empty for 500, for which the gateway has a fixed text.
    """

    def __init__(self, status_code: int, message: str = "") -> None:
        super().__init__(message or f"generation failed ({status_code})")
        self.status_code = status_code
        self.message = message


class Generation:
    """The event loop's side of a completion. Pieces arrive here; `cancel` asks the generation thread to drop the completion."""

    def __init__(self, request: GenerationRequest) -> None:
        self.request = request
        self.cancelled = False
        self._pieces: list[Piece] = []
        self._error: GenerationError | None = None
        self._arrived = asyncio.Event()

    def cancel(self) -> None:
        """Stop generating, because no client reads the result any longer. Does nothing if the completion has already ended."""
        self.cancelled = True

    def deliver(self, pieces: list[Piece], error: GenerationError | None) -> None:
        """Receive the output of the generation thread. Runs on the event loop."""
        self._pieces += pieces
        self._error = error
        self._arrived.set()

    async def take(self) -> list[Piece]:
        """Wait for pieces and return all that have arrived; never an empty list.

        Raises:
            GenerationError: generation failed. All earlier pieces have already been returned.
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
