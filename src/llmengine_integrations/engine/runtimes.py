"""Which runtime serves which model. The one place that names the kinds of runtimes."""

from __future__ import annotations

from functools import partial

from .config import EngineConfig
from .runtime.dispatcher import Runtimes
from .runtime.torch_runtime.loading.lanes import load_lanes
from .runtime.torch_runtime.scheduler import Scheduler


def make_runtimes(config: EngineConfig) -> Runtimes:
    """The runtimes of a configuration, not started: torch and transformers for every model, which are imported when it starts."""
    torch_runtime = Scheduler(partial(load_lanes, config), max_waiting=config.max_waiting)
    return Runtimes(dict.fromkeys(config.models, torch_runtime))
