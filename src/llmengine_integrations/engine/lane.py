"""One model's completions: the queue, the running batch, and the way from tokens to pieces of text."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from .generation import Choice, Generation, GenerationError, GenerationRequest, Piece
from .text import CompletionText

if TYPE_CHECKING:
    from .backend import LoadedModel, Tokenizer
    from .batch import Batch

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

    def __init__(self, generation: Generation, prompt: list[int], model: LoadedModel) -> None:
        request = generation.request
        self.generation = generation
        self.finished = False
        self._tokenizer: Tokenizer = model.tokenizer
        self._num_prompt_tokens = len(prompt)
        self._limit = min(request.max_new_tokens, model.context_length - len(prompt))
        self._num_tokens = 0
        self._waiting: list[Piece] = []
        self._text = CompletionText(
            partial(self._tokenizer.decode, skip_special_tokens=request.skip_special_tokens),
            prompt[-_CONTEXT_OF_TEXT:],
            stops=request.stop_sequences,
            include_stop=request.include_stop,
        )

    def accept(self, choice: Choice) -> list[Piece]:
        """Take the next token and return the pieces that are due now."""
        self._num_tokens += 1
        ended = choice.token in self._tokenizer.end_tokens
        text = "" if ended else self._text.push(choice.token)
        self.finished = ended or self._text.stopped or self._num_tokens >= self._limit
        if self.finished:
            text += self._text.finish()
        piece = Piece(
            text,
            self._num_tokens,
            self._num_prompt_tokens if self.finished else None,
            None if choice.log_prob is None else self._tokenizer.token_text(choice.token),
            choice.log_prob,
        )
        return self._due(piece)

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
            sequence = Sequence(generation, prompt, self._model)
            row = self._batch.prefill(prompt, request.sampling, log_probs=request.log_probs)
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
        if request.max_new_tokens < 1:
            raise GenerationError(400, f"max_new_tokens must be at least 1, got {request.max_new_tokens}.")
        if len(request.prompt) > limit * _LONGEST_TOKEN:
            raise _too_long(limit, f"{len(request.prompt)} characters")
        ids = self._model.tokenizer.encode(request.prompt)
        if len(ids) >= limit:
            raise _too_long(limit, f"{len(ids)} tokens")
        return ids

    def _step(self) -> list[Delivery]:
        try:
            choices = self._batch.step()
            accepted = [
                Delivery(sequence.generation, sequence.accept(choice))
                for sequence, choice in zip(self._active, choices, strict=True)
            ]
        except Exception:  # noqa: BLE001 - logged, and told to these clients; the thread goes on
            _log.exception("generation failed")
            given_up = [sequence.generation for sequence in self._active]
            self._keep([])
            return [Delivery(generation, [], GenerationError(500)) for generation in given_up]
        self._keep(sequence for sequence in self._active if not sequence.finished)
        return [delivery for delivery in accepted if delivery.pieces]

    def _keep(self, sequences: Iterable[Sequence]) -> None:
        kept = list(sequences)
        if len(kept) != len(self._active):
            places = {id(sequence): row for row, sequence in enumerate(self._active)}
            self._batch.keep([places[id(sequence)] for sequence in kept])
            self._active = kept


def _too_long(limit: int, found: str) -> GenerationError:
    return GenerationError(
        400,
        f"This model's maximum context length is {limit} tokens, prompt and completion together, and the prompt has {found}. "
        "Shorten the prompt.",
    )
