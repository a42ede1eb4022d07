"""The devices of torch. Imports only torch, so that a missing device is reported before the slow import of transformers."""

from __future__ import annotations

import psutil
import torch

from ....config import EngineConfigError
from .cgroup_memory import memory_left

# Weights are already loaded at this point. The rest is for the forward pass and, on a CPU, for all other processes.
_SHARE_OF_CUDA = 0.8
_SHARE_OF_MAIN_MEMORY = 0.5


def choose_device(name: str) -> torch.device:
    """The device with a name; `auto` is CUDA if available, otherwise the CPU.

    Raises:
        EngineConfigError: this machine or this build of torch does not have the device.
    """
    device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch raises AssertionError for "not compiled with CUDA"
        reason = str(error).strip().partition("\n")[0]
        raise EngineConfigError(f"device {name} cannot be used: {reason}") from error
    return device


def memory_to_spend(device: torch.device) -> int:
    """The default number of bytes for keys and values: a share of the memory that is free now."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free * _SHARE_OF_CUDA)
    available = psutil.virtual_memory().available  # of the whole machine
    left = memory_left()
    return int((available if left is None else min(available, left)) * _SHARE_OF_MAIN_MEMORY)
