"""One model's completions: the queue and the running batch."""

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

_PROMPT_TOKENS = 1024  # read between two tokens of the running batch: more would make its streams stutter
_GUIDED = 256  # tokens that a constraint counts for, since it may have to be compiled


class _Waiting(NamedTuple):
    """A completion in the queue."""

    generation: Generation
    adapter: str | None
    ticket: int


class _Head(NamedTuple):
    """The first of the queue, when all that it waits for is memory, or time to read its prompt."""

    sequence: Sequence
    ticket: int


class Lane:
    """One model and its adapters with their queue and their batch; used by the generation thread only.

    Args:
        model: what is run.
        batch: its batch.
        max_batch_size: completions that share a forward pass.
        memory: for keys and values, shared with other lanes.
        tuning_check: gives what says whether fine-tunes could be served; None if nothing does.
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
        """What the model can do. Also asked for by other threads."""
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
        """Whether a turn would do anything."""
        return bool(self._waiting or self._head or self._active)

    @property
    def num_waiting(self) -> int:
        """Completions that have no place in the batch yet. Also asked for by other threads."""
        return len(self._waiting) + (self._head is not None)

    def enqueue(self, generation: Generation, adapter: str | None = None) -> None:
        """Let a completion wait for a place in the batch.

        Args:
            generation: the completion.
            adapter: the adapter to use, which is loaded; None for the model as it is.
        """
        self._waiting.append(_Waiting(generation, adapter, self._memory.ticket()))

    def load_adapter(self, name: str, folder: Path) -> None:
        """Load a LoRA adapter, or load it again, for completions that begin from now on.

        Raises:
            ValueError: the folder cannot be served; one line that says why.
        """
        self._adapters[name] = self._model.causal_lm.read_adapter(folder)

    def tuning_check(self) -> TuningCheck | None:
        """What says whether fine-tunes of this model could be served; None if nothing does."""
        return None if self._tuning_check is None else self._tuning_check()

    def unload_adapter(self, name: str, error: GenerationError) -> list[Delivery]:
        """Give up what uses an adapter, running and waiting, and forget it."""
        self._adapters.pop(name, None)
        return [Delivery(generation, [], error) for generation in self._drop(lambda _, adapter: adapter == name)]

    def turn(self) -> list[Delivery]:
        """Drop what was cancelled, fill free places in the order of the queue, and generate one token for every row."""
        self._drop(_cancelled)
        deliveries = self._fill() if self._waiting or self._head is not None else []
        if self._active:
            deliveries += self._step()
        return deliveries

    def fail(self, error: GenerationError) -> list[Delivery]:
        """Give up everything, running and waiting."""
        return [Delivery(generation, [], error) for generation in self._drop(_any)]

    def _drop(self, unwanted: Callable[[Generation, str | None], bool]) -> list[Generation]:
        """Take completions out of the batch and the queue, and say which."""
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
        """Let the first of the queue begin, as many as there are places, memory and time for."""
        deliveries: list[Delivery] = []
        beginning: list[Sequence] = []
        for _ in range(self._max_batch_size - len(self._active)):
            if self._head is None and self._waiting:
                deliveries += self._look_at_next()
            if deliveries:
                break  # a prompt that is refused may have taken long to read, as its siblings would, which are given up next
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
        """Make the first who wait the head of the queue, or say what becomes of it at once."""
        generation, adapter, ticket = self._waiting.popleft()
        slots = self._memory.size // self._slot_size // BLOCK * BLOCK
        try:
            sequence = Sequence(generation, self._model, slots, adapter)
        except GenerationError as error:
            return [Delivery(generation, [], error)]
        except Exception:  # noqa: BLE001 - logged, and told to this client; the others go on
            _log.exception("a completion could not start")
            return [Delivery(generation, [], GenerationError(500))]
        if generation.request.max_new_tokens == 0:
            return [Delivery(generation, [sequence.empty()])]
        self._head = _Head(sequence, ticket)
        return []

    def _begin(self, sequences: list[Sequence]) -> list[Delivery]:
        """Read the prompts together; those who write more than one token join the batch."""
        try:
            new = self._batch.prefill([self._prompt(sequence) for sequence in sequences])
        except Exception:  # noqa: BLE001 - logged, and told to these clients; the others go on
            if len(sequences) > 1:  # one of them may be to blame
                return [delivery for sequence in sequences for delivery in self._begin([sequence])]
            return _failed("a completion could not start", sequences)
        accepted = [_advance(*pair) for pair in zip(sequences, new.choices, strict=True)]
        going_on = [row for row, sequence in enumerate(sequences) if not sequence.finished]
        try:
            self._batch.join(new, going_on)
        except Exception:  # noqa: BLE001 - as above
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
        """Bytes that a batch of these takes at most until the last has ended."""
        return most_slots(sequence.row for sequence in sequences) * self._slot_size

    def _step(self) -> list[Delivery]:
        try:
            choices = self._batch.step()
        except Exception:  # noqa: BLE001 - logged, and told to these clients; the thread goes on
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
    """What it takes to begin, as a number of tokens."""
    return len(sequence.prompt) if sequence.guide is None else max(len(sequence.prompt), _GUIDED)


def _of_like_length(sequences: Iterable[Sequence]) -> list[list[Sequence]]:
    """Groups whose longest prompt is at most twice as long as the shortest, so that little of the work is on padding."""
    groups: list[list[Sequence]] = []
    for sequence in sorted(sequences, key=lambda sequence: len(sequence.prompt)):
        if groups and len(sequence.prompt) <= 2 * len(groups[-1][0].prompt):
            groups[-1].append(sequence)
        else:
            groups.append([sequence])
    return groups


def _failed(event: str, sequences: Iterable[Sequence]) -> list[Delivery]:
    """Log the exception in hand and tell the clients."""
    _log.exception(event)
    return [Delivery(sequence.generation, [], GenerationError(500)) for sequence in sequences]


def _any(_: Generation, __: str | None) -> bool:
    return True


def _cancelled(generation: Generation, _: str | None) -> bool:
    return generation.cancelled


def _advance(sequence: Sequence, choice: Choice | Exception) -> Delivery:
    """Take a row's next token. What goes wrong with one row is told to its client only."""
    try:
        if isinstance(choice, Exception):
            raise choice
        return Delivery(sequence.generation, sequence.accept(choice))
    except GenerationError as error:
        failure = error
    except Exception:  # noqa: BLE001 - logged, and told to this client; the others go on
        _log.exception("generation failed")
        failure = GenerationError(500)
    sequence.finished = True
    return Delivery(sequence.generation, [], failure)
