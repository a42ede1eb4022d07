"""Upstream's enums. They are strings, and open: an unlisted value is also a member, because a newer server may send one."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from typing_extensions import override


class _Open(StrEnum):
    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member

    @override
    def __reduce_ex__(self, proto: object) -> tuple[type[Self], tuple[str]]:
        """Copy and pickle by value. Early releases of Python 3.11 do so by name, and find no unlisted member."""
        return type(self), (self._value_,)


class LLMInferenceFramework(_Open):
    """The model server behind the gateway."""

    DEEPSPEED = "deepspeed"
    TEXT_GENERATION_INFERENCE = "text_generation_inference"
    VLLM = "vllm"
    LIGHTLLM = "lightllm"
    TENSORRT_LLM = "tensorrt_llm"
    SGLANG = "sglang"


class LLMSource(_Open):
    """Where a model comes from."""

    HUGGING_FACE = "hugging_face"


class Quantization(_Open):
    """How weights are quantized."""

    BITSANDBYTES = "bitsandbytes"
    AWQ = "awq"


class GpuType(_Open):
    """The GPUs that the gateway knows."""

    NVIDIA_TESLA_T4 = "nvidia-tesla-t4"
    NVIDIA_AMPERE_A10 = "nvidia-ampere-a10"
    NVIDIA_AMPERE_A100 = "nvidia-ampere-a100"
    NVIDIA_AMPERE_A100E = "nvidia-ampere-a100e"
    NVIDIA_HOPPER_H100 = "nvidia-hopper-h100"
    NVIDIA_HOPPER_H100_1G_20GB = "nvidia-hopper-h100-1g20gb"
    NVIDIA_HOPPER_H100_3G_40GB = "nvidia-hopper-h100-3g40gb"


class ModelEndpointType(_Open):
    """How an endpoint answers. Language models stream, except for some that older gateways created."""

    STREAMING = "streaming"
    SYNC = "sync"
    ASYNC = "async"


class ModelEndpointStatus(_Open):
    """The state of an endpoint; UNKNOWN if the server does not say."""

    READY = "READY"
    UPDATE_PENDING = "UPDATE_PENDING"
    UPDATE_IN_PROGRESS = "UPDATE_IN_PROGRESS"
    UPDATE_FAILED = "UPDATE_FAILED"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"
    UNKNOWN = "UNKNOWN"


class PostInferenceHooks(_Open):
    """What happens to the results of an async endpoint."""

    CALLBACK = "callback"


class BatchJobStatus(_Open):
    """The state of a fine-tune."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCELLED = "CANCELLED"
    UNDEFINED = "UNDEFINED"
    TIMEOUT = "TIMEOUT"


class BatchCompletionsJobStatus(_Open):
    """The state of a batch of completions."""

    Queued = "queued"
    Running = "running"
    Completed = "completed"
    Failed = "failed"
    Cancelled = "cancelled"
    Unknown = "unknown"
