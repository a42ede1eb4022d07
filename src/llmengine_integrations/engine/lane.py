"""One model's completions: the queue, the running batch, and the way from tokens to pieces of text."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from .constraints import ConstraintError
from .generation import Choice, Generation, GenerationError, GenerationRequest, Piece, SamplingParams
from .text import CompletionText

if TYPE_CHECKING:
    from .backend import LoadedModel, Tokenizer
    from .batch import Batch
    from .guides import Guide

_log = logging.getLogger(__name__)

_JOINS_PER_TURN = 4  # prompts read between two tokens of the running batch: more would make its streams stutter
_CONTEXT_OF_TEXT = 6  # prompt tokens that the first piece's spacing may depend on
_LONGEST_TOKEN = 200  # characters; a prompt beyond this many per token of context is refused without tokenizing it


class Delivery(NamedTuple):
    """What the generation thread has for one completion after a turn."""

    generation: Generation
    pieces: list[Piece]
    error: GenerationError | None = None


class Sequence:
    """A completion in the batch: counts its tokens and makes them pieces of text."""

    def __init__(
        self, generation: Generation, prompt: list[int], model: LoadedModel, guide: Guide | None = None
    ) -> None:
        request = generation.request
        self.generation = generation
        self.finished = False
        self._guide = guide
        self._tokenizer: Tokenizer = model.tokenizer
        self._ends = _end_tokens(request, model.tokenizer, guide)
        self._num_prompt_tokens = len(prompt)
        room = model.context_length - len(prompt)
        self._limit = room if request.max_new_tokens is None else min(request.max_new_tokens, room)
        self._echo = _echoed(request, prompt, model.tokenizer)
        self._num_tokens = 0
        self._waiting: list[Piece] = []
        self._text = CompletionText(
            partial(self._tokenizer.decode, skip_special_tokens=request.skip_special_tokens),
            prompt[-_CONTEXT_OF_TEXT:],
            stops=request.stop_sequences,
            include_stop=request.include_stop,
            min_tokens=request.min_tokens,
        )

    def accept(self, choice: Choice) -> list[Piece]:
        """Take the next token and return the pieces that are due now.

        Raises:
            GenerationError: the constraint cannot be kept to any longer.
        """
        if self._guide is not None and (reason := self._guide.failure) is not None:
            raise _unkept(reason)
        self._num_tokens += 1
        ended, text = self._take(choice.token)
        self.finished = ended or self._num_tokens >= self._limit
        if self.finished:
            text += self._text.finish()
        text, self._echo = self._echo + text, ""
        return self._due(self._piece(choice, text, ended=ended))

    def empty(self) -> Piece:
        """The only piece of a completion of no tokens."""
        return Piece(self._echo, 0, self._num_prompt_tokens, finish_reason="length")

    def _take(self, token: int) -> tuple[bool, str]:
        """Whether the token ends the text, and the text that it brings."""
        request = self.generation.request
        if token in self._ends:
            return True, ""
        if token in request.stop_tokens:
            return True, self._text.push(token) if request.include_stop else ""
        text = self._text.push(token)
        complete = self._guide is not None and self._guide.done
        return complete or self._text.stopped, text

    def _piece(self, choice: Choice, text: str, *, ended: bool) -> Piece:
        token_text = self._tokenizer.token_text
        return Piece(
            text,
            self._num_tokens,
            self._num_prompt_tokens if self.finished else None,
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


class Lane:
    """One model with its queue and its batch; used by the generation thread only."""

    def __init__(self, model: LoadedModel, batch: Batch, *, max_batch_size: int) -> None:
        self._model = model
        self._batch = batch
        self._max_batch_size = max_batch_size
        self._waiting: deque[Generation] = deque()
        self._active: list[Sequence] = []

    @property
    def device(self) -> str:
        """The kind of device that the model runs on: cpu, cuda, ..."""
        return self._model.causal_lm.device.type

    @property
    def busy(self) -> bool:
        """Whether a turn would do anything."""
        return bool(self._waiting or self._active)

    @property
    def num_waiting(self) -> int:
        """Completions that have no place in the batch yet."""
        return len(self._waiting)

    def enqueue(self, generation: Generation) -> None:
        """Let a completion wait for a place in the batch."""
        self._waiting.append(generation)

    def turn(self) -> list[Delivery]:
        """Drop what was cancelled, fill free places, and generate one token for every row."""
        self._keep(sequence for sequence in self._active if not sequence.generation.cancelled)
        deliveries: list[Delivery] = []
        for _ in range(min(_JOINS_PER_TURN, self._max_batch_size - len(self._active), len(self._waiting))):
            deliveries += self._admit(self._waiting.popleft())
        if self._active:
            deliveries += self._step()
        return deliveries

    def fail(self, error: GenerationError) -> list[Delivery]:
        """Give up everything, running and waiting."""
        given_up = [sequence.generation for sequence in self._active] + list(self._waiting)
        self._waiting.clear()
        self._keep([])
        return [Delivery(generation, [], error) for generation in given_up]

    def _admit(self, generation: Generation) -> list[Delivery]:
        if generation.cancelled:
            return []
        request = generation.request
        try:
            prompt = self._prompt(request)
            guide = self._guide(request)
            sequence = Sequence(generation, prompt, self._model, guide)
            if request.max_new_tokens == 0:
                return [Delivery(generation, [sequence.empty()])]
            row = self._batch.prefill(prompt, self._sampling(request), log_probs=request.log_probs, guide=guide)
            pieces = sequence.accept(row.choice)
            if not sequence.finished:
                self._batch.join(row)
                self._active.append(sequence)
        except GenerationError as error:
            return [Delivery(generation, [], error)]
        except Exception:  # noqa: BLE001 - logged, and told to this client; the others go on
            _log.exception("a completion could not start")
            return [Delivery(generation, [], GenerationError(500))]
        return [Delivery(generation, pieces)] if pieces else []

    def _prompt(self, request: GenerationRequest) -> list[int]:
        limit = self._model.context_length
        least = 0 if request.echo else 1
        if request.max_new_tokens is not None and request.max_new_tokens < least:
            raise GenerationError(400, f"max_new_tokens must be at least {least}, got {request.max_new_tokens}.")
        ids = self._ids(request, limit)
        if len(ids) >= limit:
            raise _too_long(limit, f"{len(ids)} tokens")
        return ids

    def _ids(self, request: GenerationRequest, limit: int) -> list[int]:
        tokenizer, prompt = self._model.tokenizer, request.prompt
        if isinstance(prompt, tuple):
            return tokenizer.checked(prompt)
        text = prompt if isinstance(prompt, str) else tokenizer.chat_text(prompt)
        if len(text) > limit * _LONGEST_TOKEN:
            raise _too_long(limit, f"{len(text)} characters")
        added = request.add_special_tokens
        return tokenizer.encode(text, add_special_tokens=isinstance(prompt, str) if added is None else added)

    def _guide(self, request: GenerationRequest) -> Guide | None:
        if request.constraint is None:
            return None
        try:
            return self._model.tokenizer.guides.guide(request.constraint, ignore_end=request.ignore_end)
        except ConstraintError as error:
            raise _unkept(str(error)) from error

    def _sampling(self, request: GenerationRequest) -> SamplingParams:
        """How to choose tokens, with those ruled out that would end the text too early."""
        if not request.min_tokens:
            return request.sampling
        ends = request.stop_tokens if request.ignore_end else request.stop_tokens | self._model.tokenizer.end_tokens
        return replace(request.sampling, banned=ends, banned_until=request.min_tokens)

    def _step(self) -> list[Delivery]:
        try:
            choices = self._batch.step()
            accepted = [_advance(*pair) for pair in zip(self._active, choices, strict=True)]
        except Exception:  # noqa: BLE001 - logged, and told to these clients; the thread goes on
            _log.exception("generation failed")
            given_up = [sequence.generation for sequence in self._active]
            self._keep([])
            return [Delivery(generation, [], GenerationError(500)) for generation in given_up]
        self._keep(sequence for sequence in self._active if not sequence.finished)
        return [delivery for delivery in accepted if delivery.pieces or delivery.error]

    def _keep(self, sequences: Iterable[Sequence]) -> None:
        kept = list(sequences)
        if len(kept) != len(self._active):
            places = {id(sequence): row for row, sequence in enumerate(self._active)}
            self._batch.keep([places[id(sequence)] for sequence in kept])
            self._active = kept


def _advance(sequence: Sequence, choice: Choice) -> Delivery:
    try:
        return Delivery(sequence.generation, sequence.accept(choice))
    except GenerationError as error:
        sequence.finished = True
        return Delivery(sequence.generation, [], error)


def _end_tokens(request: GenerationRequest, tokenizer: Tokenizer, guide: Guide | None) -> frozenset[int]:
    """The tokens that end the text and are no part of it. After them a constraint allows nothing."""
    if guide is not None:
        return guide.end_tokens
    return frozenset() if request.ignore_end else tokenizer.end_tokens


def _unkept(reason: str) -> GenerationError:
    return GenerationError(400, f"The guided text cannot be generated: {reason}")


def _echoed(request: GenerationRequest, prompt: list[int], tokenizer: Tokenizer) -> str:
    """The prompt's text, where the text shall begin with it."""
    if not request.echo:
        return ""
    return request.prompt if isinstance(request.prompt, str) else tokenizer.decode(prompt)


def _too_long(limit: int, found: str) -> GenerationError:
    return GenerationError(
        400,
        f"This model's maximum context length is {limit} tokens, prompt and completion together, and the prompt has {found}. "
        "Shorten the prompt.",
    )
