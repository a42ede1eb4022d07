"""Decides which runtime serves which model. No other module names the kinds of runtimes."""

from __future__ import annotations

from functools import partial

from .config import EngineConfig
from .runtime.dispatcher import Runtimes
from .runtime.torch_runtime.loading.lanes import load_lanes
from .runtime.torch_runtime.scheduler import Scheduler


def make_runtimes(config: EngineConfig) -> Runtimes:
    """Return the runtimes for a configuration, not started yet: torch and transformers for every model. Starting imports them."""
    torch_runtime = Scheduler(partial(load_lanes, config), max_waiting=config.max_waiting)
    return Runtimes(dict.fromkeys(config.models, torch_runtime))
