"""Creates the lanes. The generation thread does this first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ....config import EngineConfig, EngineConfigError
from ..kv_memory import BLOCK, KVMemory
from ..lane import Lane
from ..rows import Choice, Prompt
from .model_folder import stay_offline

if TYPE_CHECKING:
    import torch

    from .loaded_model import LoadedModel

_LONGEST_REASON = 300  # characters; transformers' messages are long


def load_lanes(config: EngineConfig) -> dict[str, Lane]:
    """Load every model and test each once. Imports torch and transformers, which takes seconds.

    Raises:
        EngineConfigError: the device is missing, or a model cannot be loaded or run. The message is one line that names it.
    """
    from .devices import choose_device, memory_to_spend  # noqa: PLC0415 - the port must be bound before this slow import

    device = choose_device(config.device)

    stay_offline()
    from .loaded_model import prepare  # noqa: PLC0415 - transformers is slower; check the device first

    prepare(config)
    models = {name: _load(name, source.path, config, device) for name, source in config.models.items()}
    memory = KVMemory(config.kv_memory or memory_to_spend(device))
    return {name: _lane(name, model, config, memory) for name, model in models.items()}


def _load(name: str, path: Path, config: EngineConfig, device: torch.device) -> LoadedModel:
    from .loaded_model import LoadedModel  # noqa: PLC0415 - torch is only imported while loading

    try:
        model = LoadedModel.load(path, device, config.dtype)
        _try_out(model)
    except Exception as error:
        raise EngineConfigError(f"model {name}: {path} cannot be served: {_one_line(error)}") from error
    return model


def _lane(name: str, model: LoadedModel, config: EngineConfig, memory: KVMemory) -> Lane:
    from ..running_batch import RunningBatch  # noqa: PLC0415 - torch is only imported while loading

    least = BLOCK * model.causal_lm.slot_size
    if memory.size < least:
        raise EngineConfigError(
            f"model {name}: {memory.size} bytes of key-value memory are too few for any completion; it takes {least} at least"
        )
    return Lane(
        model,
        RunningBatch(model.causal_lm),
        max_batch_size=config.max_batch_size,
        memory=memory,
        tuning_check=lambda: model.causal_lm.tuning_check,
    )


def _try_out(model: LoadedModel) -> None:
    """Generate a few tokens. This finds models that the batching cannot run, and makes the first request as fast as later ones.

    Raises:
        UnlikeAloneError: the model runs, but its answers differ in a batch.
        ValueError: the model does not run.
    """
    from .self_check import check_rows_are_independent  # noqa: PLC0415 - torch is only imported while loading

    try:
        _generate(model)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"it does not run in batches with a cache of keys and values ({reason})") from error
    check_rows_are_independent(model)


def _generate(model: LoadedModel) -> None:
    from ..running_batch import RunningBatch  # noqa: PLC0415 - torch is only imported while loading

    batch = RunningBatch(model.causal_lm)
    for texts in (("Hello",), ("Hello", "Hello, my name is")):
        prompts = [Prompt(ids=model.tokenizer.encode(text)) for text in texts]
        batch.join(batch.prefill(prompts), range(len(prompts)))
        _choices(batch.step())
    batch.keep([1])
    _choices(batch.step())


def _choices(found: list[Choice | Exception]) -> None:
    for choice in found:
        if isinstance(choice, Exception):
            raise choice


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__
