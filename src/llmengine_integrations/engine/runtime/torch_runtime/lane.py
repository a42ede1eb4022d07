"""The completions of one model: its queue and its running batch."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..generation import Generation, GenerationError
from ..runtime import ModelDescription
from .kv_memory import BLOCK, KVMemory, most_slots
from .lane_protocol import Delivery
from .rows import Choice, Prompt
from .sequence import Sequence

if TYPE_CHECKING:
    from .loading.loaded_model import LoadedModel
    from .loading.lora import Adapter
    from .loading.tunable import TuningCheck
    from .running_batch import RunningBatch

_log = logging.getLogger(__name__)

_PROMPT_TOKENS = 1024  # read between two tokens of the running batch; with more, its streams would stutter
_GUIDED = 256  # a prompt with a constraint counts as at least this many tokens, because the constraint may have to be compiled


class _Waiting(NamedTuple):
    """A completion in the queue."""

    generation: Generation
    adapter: str | None
    ticket: int


class _Head(NamedTuple):
    """The first completion of the queue. It waits only for memory, or for time to read its prompt."""

    sequence: Sequence
    ticket: int


class Lane:
    """One model and its adapters, with their queue and their batch. Only the generation thread uses it.

    Args:
        model: the model.
        batch: the batch of the model.
        max_batch_size: the maximum number of completions that share a forward pass.
        memory: the memory for keys and values, shared with other lanes.
        tuning_check: creates the check whether fine-tunes could be served; None if there is no check.
    """

    def __init__(
        self,
        model: LoadedModel,
        batch: RunningBatch,
        *,
        max_batch_size: int,
        memory: KVMemory,
        tuning_check: Callable[[], TuningCheck] | None = None,
    ) -> None:
        self._model = model
        self._batch = batch
        self._max_batch_size = max_batch_size
        self._memory = memory
        self._slot_size = model.causal_lm.slot_size
        self._tuning_check = tuning_check
        self._adapters: dict[str, Adapter] = {}
        self._waiting: deque[_Waiting] = deque()
        self._head: _Head | None = None
        self._active: list[Sequence] = []

    @property
    def description(self) -> ModelDescription:
        """The capabilities of the model. Other threads read this too."""
        tokenizer = self._model.tokenizer
        return ModelDescription(
            device=self._model.causal_lm.device.type,
            context_length=self._model.context_length,
            chat=tokenizer.can_chat,
            tools=tokenizer.can_chat,
            guided=tokenizer.can_guide,
            log_probs=True,
            adapters=True,
        )

    @property
    def busy(self) -> bool:
        """Whether a turn has work to do."""
        return bool(self._waiting or self._head or self._active)

    @property
    def num_waiting(self) -> int:
        """The number of completions without a place in the batch. Other threads read this too."""
        return len(self._waiting) + (self._head is not None)

    def enqueue(self, generation: Generation, adapter: str | None = None) -> None:
        """Queue a completion for a place in the batch.

        Args:
            generation: the completion.
            adapter: the loaded adapter to use; None for the base model.
        """
        self._waiting.append(_Waiting(generation, adapter, self._memory.ticket()))

    def load_adapter(self, name: str, folder: Path) -> None:
        """Load or reload a LoRA adapter, for completions that start from now on.

        Raises:
            ValueError: the folder cannot be served. The message is one line that says why.
        """
        self._adapters[name] = self._model.causal_lm.read_adapter(folder)

    def tuning_check(self) -> TuningCheck | None:
        """The check whether fine-tunes of this model could be served; None if there is no check."""
        return None if self._tuning_check is None else self._tuning_check()

    def unload_adapter(self, name: str, error: GenerationError) -> list[Delivery]:
        """Remove an adapter, and end the running and waiting completions that use it."""
        self._adapters.pop(name, None)
        return [Delivery(generation, [], error) for generation in self._drop(lambda _, adapter: adapter == name)]

    def turn(self) -> list[Delivery]:
        """Drop cancelled completions, fill free places in queue order, and generate one token for every row."""
        self._drop(_cancelled)
        deliveries = self._fill() if self._waiting or self._head is not None else []
        if self._active:
            deliveries += self._step()
        return deliveries

    def fail(self, error: GenerationError) -> list[Delivery]:
        """End all running and waiting completions with an error."""
        return [Delivery(generation, [], error) for generation in self._drop(_any)]

    def _drop(self, unwanted: Callable[[Generation, str | None], bool]) -> list[Generation]:
        """Remove unwanted completions from the batch and the queue, and return them."""
        held = self._active if self._head is None else [*self._active, self._head.sequence]
        dropped = [sequence for sequence in held if unwanted(sequence.generation, sequence.adapter)]
        waiting = [entry for entry in self._waiting if unwanted(entry.generation, entry.adapter)]
        if not (dropped or waiting):
            return []
        if self._head is not None and self._head.sequence in dropped:
            self._head = None
        if self._head is None:
            self._memory.withdraw(self)
        if waiting:
            tickets = {entry.ticket for entry in waiting}
            self._waiting = deque(entry for entry in self._waiting if entry.ticket not in tickets)
        self._keep(sequence for sequence in self._active if sequence not in dropped)
        return [entry.generation for entry in (*dropped, *waiting)]

    def _fill(self) -> list[Delivery]:
        """Start completions from the front of the queue, as far as places, memory and time allow."""
        deliveries: list[Delivery] = []
        beginning: list[Sequence] = []
        for _ in range(self._max_batch_size - len(self._active)):
            if self._head is None and self._waiting:
                deliveries += self._look_at_next()
            if deliveries:
                break  # a refused prompt may have taken long to tokenize; its siblings would too, but are cancelled next
            if self._head is not None and not self._may_begin(self._head, beginning):
                break
            if self._head is not None:
                beginning.append(self._head.sequence)
                self._head = None
        for group in _of_like_length(beginning):
            deliveries += self._begin(group)
        if beginning:
            self._memory.hold(self, self._need(self._active))
        return deliveries

    def _may_begin(self, head: _Head, beginning: list[Sequence]) -> bool:
        together = [*beginning, head.sequence]
        if beginning and sum(map(_time, together)) > _PROMPT_TOKENS:
            return False
        return self._memory.grant(self, self._need([*self._active, *together]), head.ticket)

    def _look_at_next(self) -> list[Delivery]:
        """Make the first waiting completion the head of the queue, or return its result if it ends at once."""
        generation, adapter, ticket = self._waiting.popleft()
        slots = self._memory.size // self._slot_size // BLOCK * BLOCK
        try:
            sequence = Sequence(generation, self._model, slots, adapter)
        except GenerationError as error:
            return [Delivery(generation, [], error)]
        except Exception:  # noqa: BLE001 - logged, and reported to this client; the others continue
            _log.exception("a completion could not start")
            return [Delivery(generation, [], GenerationError(500))]
        if generation.request.max_new_tokens == 0:
            return [Delivery(generation, [sequence.empty()])]
        self._head = _Head(sequence, ticket)
        return []

    def _begin(self, sequences: list[Sequence]) -> list[Delivery]:
        """Read the prompts together. Completions that are not finished after their first token join the batch."""
        try:
            new = self._batch.prefill([self._prompt(sequence) for sequence in sequences])
        except Exception:  # noqa: BLE001 - logged, and reported to these clients; the others continue
            if len(sequences) > 1:  # one of them may be the cause
                return [delivery for sequence in sequences for delivery in self._begin([sequence])]
            return _failed("a completion could not start", sequences)
        accepted = [_advance(*pair) for pair in zip(sequences, new.choices, strict=True)]
        going_on = [row for row, sequence in enumerate(sequences) if not sequence.finished]
        try:
            self._batch.join(new, going_on)
        except Exception:  # noqa: BLE001 - logged, and reported to these clients
            ended = [delivery for delivery, sequence in zip(accepted, sequences, strict=True) if sequence.finished]
            return ended + _failed("a completion could not start", [sequences[row] for row in going_on])
        self._active += [sequences[row] for row in going_on]
        return [delivery for delivery in accepted if delivery.pieces or delivery.error]

    def _prompt(self, sequence: Sequence) -> Prompt:
        return Prompt(
            ids=sequence.prompt,
            sampling=sequence.sampling,
            log_probs=sequence.generation.request.log_probs,
            guide=sequence.guide,
            adapter=None if sequence.adapter is None else self._adapters[sequence.adapter],
        )

    def _need(self, sequences: Iterable[Sequence]) -> int:
        """The maximum number of bytes that a batch of these completions needs until the last one ends."""
        return most_slots(sequence.row for sequence in sequences) * self._slot_size

    def _step(self) -> list[Delivery]:
        try:
            choices = self._batch.step()
        except Exception:  # noqa: BLE001 - logged, and reported to these clients; the thread continues
            given_up = self._active
            self._keep([])
            return _failed("generation failed", given_up)
        accepted = [_advance(*pair) for pair in zip(self._active, choices, strict=True)]
        self._keep(sequence for sequence in self._active if not sequence.finished)
        return [delivery for delivery in accepted if delivery.pieces or delivery.error]

    def _keep(self, sequences: Iterable[Sequence]) -> None:
        kept = list(sequences)
        if len(kept) != len(self._active):
            places = {id(sequence): row for row, sequence in enumerate(self._active)}
            self._batch.keep([places[id(sequence)] for sequence in kept])
            self._active = kept
            self._memory.hold(self, self._need(kept))


def _time(sequence: Sequence) -> int:
    """The time that a completion needs to start, expressed as a number of tokens."""
    return len(sequence.prompt) if sequence.guide is None else max(len(sequence.prompt), _GUIDED)


def _of_like_length(sequences: Iterable[Sequence]) -> list[list[Sequence]]:
    """Groups in which the longest prompt is at most twice as long as the shortest, so that little work is spent on padding."""
    groups: list[list[Sequence]] = []
    for sequence in sorted(sequences, key=lambda sequence: len(sequence.prompt)):
        if groups and len(sequence.prompt) <= 2 * len(groups[-1][0].prompt):
            groups[-1].append(sequence)
        else:
            groups.append([sequence])
    return groups


def _failed(event: str, sequences: Iterable[Sequence]) -> list[Delivery]:
    """Log the current exception and report a failure to the clients."""
    _log.exception(event)
    return [Delivery(sequence.generation, [], GenerationError(500)) for sequence in sequences]


def _any(_: Generation, __: str | None) -> bool:
    return True


def _cancelled(generation: Generation, _: str | None) -> bool:
    return generation.cancelled


def _advance(sequence: Sequence, choice: Choice | Exception) -> Delivery:
    """Accept a row's next token. An error in one row is reported to its client only."""
    try:
        if isinstance(choice, Exception):
            raise choice
        return Delivery(sequence.generation, sequence.accept(choice))
    except GenerationError as error:
        failure = error
    except Exception:  # noqa: BLE001 - logged, and reported to this client; the others continue
        _log.exception("generation failed")
        failure = GenerationError(500)
    sequence.finished = True
    return Delivery(sequence.generation, [], failure)
