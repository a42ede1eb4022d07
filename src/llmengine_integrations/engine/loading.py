"""Making the lanes: what the generation thread does first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .config import EngineConfig, EngineConfigError
from .generation import SamplingParams
from .lane import Lane

if TYPE_CHECKING:
    from .backend import LoadedModel

_LONGEST_REASON = 300  # characters; transformers explains at length


def load_lanes(config: EngineConfig) -> dict[str, Lane]:
    """Load every model and try each once. Imports torch and transformers, which takes seconds.

    Raises:
        EngineConfigError: a model cannot be loaded or run; one line that names it.
    """
    from .backend import LoadedModel, prepare  # noqa: PLC0415 - the port must be bound before this takes its seconds
    from .batch import Batch  # noqa: PLC0415 - as above

    try:
        device = prepare(config)
    except (RuntimeError, AssertionError) as error:  # torch says "not compiled with CUDA" by an assertion
        raise EngineConfigError(f"device {config.device}: {_one_line(error)}") from error
    lanes: dict[str, Lane] = {}
    for name, path in config.models.items():
        try:
            model = LoadedModel.load(path, device)
            _try_out(model)
        except Exception as error:
            raise EngineConfigError(f"model {name}: {path} cannot be served: {_one_line(error)}") from error
        lanes[name] = Lane(model, Batch(model.causal_lm), max_batch_size=config.max_batch_size)
    return lanes


def _try_out(model: LoadedModel) -> None:
    """Generate a few tokens: finds models that this batching cannot run, and makes the first request as fast as the next."""
    from .batch import Batch  # noqa: PLC0415 - torch is only imported while loading

    batch = Batch(model.causal_lm)
    for prompt in ("Hello", "Hello, my name is"):
        batch.join(batch.prefill(model.tokenizer.encode(prompt), SamplingParams()))
        batch.step()
    batch.keep([1])
    batch.step()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__
