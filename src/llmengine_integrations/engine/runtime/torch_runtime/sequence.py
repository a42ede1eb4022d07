"""A completion in a batch: turns its request into the model's input, and tokens into pieces of text."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ..constraints import ConstraintError
from ..generation import Generation, GenerationError, GenerationRequest, Piece, SamplingParams
from .detokenizer import CompletionText
from .kv_memory import Row
from .rows import Choice

if TYPE_CHECKING:
    from .loading.loaded_model import LoadedModel
    from .loading.tokenizer import Tokenizer
    from .token_masks import Guide

_CONTEXT_OF_TEXT = 6  # prompt tokens that the first piece's spacing may depend on
_LONGEST_TOKEN = 200  # characters; a prompt with more than this per token of context is refused without tokenizing it


class Sequence:
    """A completion: its prompt's tokens, the settings for choosing the next token, and the text of the chosen tokens.

    Args:
        generation: the completion.
        model: the model that generates it.
        slots: the maximum number of tokens whose keys and values may be stored for one completion.
        adapter: the name of the adapter to use; None for the base model.

    Raises:
        GenerationError: 400; the model does not support the request.
    """

    def __init__(self, generation: Generation, model: LoadedModel, slots: int, adapter: str | None = None) -> None:
        request = generation.request
        self.generation = generation
        self.adapter = adapter
        self.finished = False
        self.prompt = _prompt(request, model)
        self.guide = _guide(request, model.tokenizer)
        self.sampling = _sampling(request, model.tokenizer)
        self._limit = _limit(request, len(self.prompt), model.context_length, slots)
        self._tokenizer = model.tokenizer
        self._ends = _end_tokens(request, model.tokenizer, self.guide)
        self._held = _echoed(request, self.prompt, model.tokenizer)
        self._num_tokens = 0
        self._in_pieces = request.incremental or request.log_probs
        self._waiting: list[Piece] = []
        self._text = CompletionText(
            partial(self._tokenizer.decode, skip_special_tokens=request.skip_special_tokens),
            self.prompt[-_CONTEXT_OF_TEXT:],
            stops=request.stop_sequences,
            include_stop=request.include_stop,
            min_tokens=request.min_tokens,
            at_once=not self._in_pieces,
        )

    @property
    def row(self) -> Row:
        """The memory needs in the batch. The most recent token is not stored, and there is no step after the last token."""
        chosen = max(1, self._num_tokens)
        return Row(len(self.prompt) + chosen - 1, self._limit - chosen)

    def accept(self, choice: Choice) -> list[Piece]:
        """Add the next token and return the pieces to deliver now.

        Raises:
            GenerationError: the constraint can no longer be enforced.
        """
        if self.guide is not None and (reason := self.guide.failure) is not None:
            raise _unkept(reason)
        self._num_tokens += 1
        ended, text = self._take(choice.token)
        self.finished = ended or self._num_tokens >= self._limit
        if self.finished:
            text += self._text.finish()
        text, self._held = self._held + text, ""
        if not (self._in_pieces or self.finished):
            self._held = text  # delivered with the last piece, which is the only one
            return []
        return self._due(self._piece(choice, text, ended=ended))

    def empty(self) -> Piece:
        """The only piece of a completion without tokens."""
        return Piece(self._held, 0, len(self.prompt), finish_reason="length")

    def _take(self, token: int) -> tuple[bool, str]:
        """Whether the token ends the text, and the text that it adds."""
        request = self.generation.request
        if token in self._ends:
            return True, ""
        if token in request.stop_tokens:
            return True, self._text.push(token) if request.include_stop else ""
        text = self._text.push(token)
        complete = self.guide is not None and self.guide.done
        return complete or self._text.stopped, text

    def _piece(self, choice: Choice, text: str, *, ended: bool) -> Piece:
        token_text = self._tokenizer.token_text
        return Piece(
            text,
            self._num_tokens,
            len(self.prompt) if self.finished else None,
            None if choice.log_prob is None else token_text(choice.token),
            choice.log_prob,
            ("stop" if ended else "length") if self.finished else None,
            tuple((token_text(token), log_prob) for token, log_prob in choice.top),
        )

    def _due(self, piece: Piece) -> list[Piece]:
        if self.generation.request.incremental:
            return [piece]
        self._waiting.append(piece)
        return self._waiting if self.finished else []


def _prompt(request: GenerationRequest, model: LoadedModel) -> list[int]:
    limit = model.context_length
    least = 0 if request.echo else 1
    if request.max_new_tokens is not None and request.max_new_tokens < least:
        raise GenerationError(400, f"max_new_tokens must be at least {least}, got {request.max_new_tokens}.")
    ids = _ids(request, model.tokenizer, limit)
    if len(ids) >= limit:
        raise _too_long(limit, f"{len(ids)} tokens")
    return ids


def _ids(request: GenerationRequest, tokenizer: Tokenizer, limit: int) -> list[int]:
    prompt = request.prompt
    if isinstance(prompt, tuple):
        return tokenizer.checked(prompt)
    text = prompt if isinstance(prompt, str) else tokenizer.chat_text(prompt)
    if len(text) > limit * _LONGEST_TOKEN:
        raise _too_long(limit, f"{len(text)} characters")
    added = request.add_special_tokens
    return tokenizer.encode(text, add_special_tokens=isinstance(prompt, str) if added is None else added)


def _limit(request: GenerationRequest, prompt: int, context: int, slots: int) -> int:
    """The maximum number of tokens to generate: the requested number, limited by the context; without a request, as many as fit."""
    wanted = context - prompt if request.max_new_tokens is None else min(request.max_new_tokens, context - prompt)
    most = slots - prompt + 1  # the last token's keys and values are not stored
    if wanted <= most:
        return wanted
    if request.max_new_tokens is None and most > 0:
        return most
    raise GenerationError(
        400,
        f"The engine's key-value memory has room for {slots} tokens, and prompt and completion may take {prompt + wanted - 1}. "
        "Ask for fewer, or give the engine more kv_memory.",
    )


def _guide(request: GenerationRequest, tokenizer: Tokenizer) -> Guide | None:
    if request.constraint is None:
        return None
    try:
        return tokenizer.guides.guide(request.constraint, ignore_end=request.ignore_end)
    except ConstraintError as error:
        raise _unkept(str(error)) from error


def _sampling(request: GenerationRequest, tokenizer: Tokenizer) -> SamplingParams:
    """The sampling settings, with a ban on tokens that would end the text too early."""
    if not request.min_tokens:
        return request.sampling
    ends = request.stop_tokens if request.ignore_end else request.stop_tokens | tokenizer.end_tokens
    return replace(request.sampling, banned=ends, banned_until=request.min_tokens)


def _end_tokens(request: GenerationRequest, tokenizer: Tokenizer, guide: Guide | None) -> frozenset[int]:
    """The tokens that end the text and are not part of it. A constraint allows nothing after them."""
    if guide is not None:
        return guide.end_tokens
    return frozenset() if request.ignore_end else tokenizer.end_tokens


def _unkept(reason: str) -> GenerationError:
    return GenerationError(400, f"The guided text cannot be generated: {reason}")


def _echoed(request: GenerationRequest, prompt: list[int], tokenizer: Tokenizer) -> str:
    """The prompt's text, if the request asks to echo it."""
    if not request.echo:
        return ""
    return request.prompt if isinstance(request.prompt, str) else tokenizer.decode(prompt)


def _too_long(limit: int, found: str) -> GenerationError:
    return GenerationError(
        400,
        f"This model's maximum context length is {limit} tokens, prompt and completion together, and the prompt has {found}. "
        "Shorten the prompt.",
    )
