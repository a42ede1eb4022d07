"""What torch can compute on. Imports torch alone, so that a device that is not there is told before transformers takes its seconds."""

from __future__ import annotations

import psutil
import torch

from ....config import EngineConfigError
from .cgroup_memory import memory_left

# Weights are loaded when this is asked for. The rest is for what a forward pass needs, and on a CPU for everybody else.
_SHARE_OF_CUDA = 0.8
_SHARE_OF_MAIN_MEMORY = 0.5


def choose_device(name: str) -> torch.device:
    """The device of a name; `auto` is CUDA where there is one, else the CPU.

    Raises:
        EngineConfigError: this machine, or this build of torch, does not have it.
    """
    device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch says "not compiled with CUDA" by an assertion
        reason = str(error).strip().partition("\n")[0]
        raise EngineConfigError(f"device {name} cannot be used: {reason}") from error
    return device


def memory_to_spend(device: torch.device) -> int:
    """Bytes for keys and values if nobody says how many: a share of what is free now."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free * _SHARE_OF_CUDA)
    available = psutil.virtual_memory().available  # of the whole machine
    left = memory_left()
    return int((available if left is None else min(available, left)) * _SHARE_OF_MAIN_MEMORY)
