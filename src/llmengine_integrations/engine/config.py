"""What an engine is told when it starts, checked before anything heavy is imported."""

from __future__ import annotations

import importlib.util
import ipaddress
import json
import os
import re
from pathlib import Path
from typing import Any, Self, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

DEFAULT_MODEL_NAME = "llmengine-tiny"
DEFAULT_MODEL_PATH = Path(__file__).parent / "default_model"
API_KEY_VARIABLE = "LLM_ENGINE_SERVE_API_KEY"
DATA_FOLDER_STATUS = 3
"""The exit status by which the process of an `EmbeddedEngine` says that it is the data folder that it cannot use."""
INSTALL_COMMAND = "pip install 'llmengine-integrations[engine]'"

DTYPES = ("auto", "float32", "bfloat16", "float16")

_DEVICE = re.compile(r"auto|cpu|mps|(cuda|xpu)(:\d{1,3})?")
_RUNTIME = (
    "numpy",
    "peft",
    "psutil",
    "python_multipart",
    "regex",
    "safetensors",
    "starlette",
    "torch",
    "transformers",
    "uvicorn",
)


class EngineConfigError(Exception):
    """The engine cannot start as asked; the message is one line for a person.

    Not a ValueError, which pydantic would wrap in an error of many lines.
    """


class EngineStartError(RuntimeError):
    """The engine's process ended, or was not ready in time; the message has the end of its log."""


class DataFolderError(EngineConfigError, EngineStartError):
    """The data folder cannot be used; nothing in it was changed. The message is one line, and says what to do."""


class UnsafeHostError(EngineConfigError):
    """The engine would be open to other machines without a key."""


class EngineConfig(BaseModel):
    """Everything that an engine process is told. Travels to the process as JSON, the API key apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[str, Path] = Field(default_factory=lambda: {DEFAULT_MODEL_NAME: DEFAULT_MODEL_PATH})
    """Names and Hugging Face folders. The first is the default model; without any, the small model in this package is served."""
    aliases: dict[str, str] = Field(default_factory=dict[str, str])
    """Further names, each for a name in `models`."""
    host: str = "127.0.0.1"
    port: int = Field(default=5005, ge=0, le=65535)
    """0 takes any free port."""
    api_key: SecretStr | None = Field(default=None, exclude=True)
    """The only key that is let in. None lets every key in, as LLM Engine's open-source gateway does."""
    data: Path | None = None
    """The folder for what the engine keeps, one engine at a time. None: a temporary one, deleted when the engine stops."""
    max_upload_size: int = Field(default=2**30, ge=1)
    """Bytes of one uploaded file; past it an upload gets a 413."""
    allow_paths: tuple[Path, ...] = ()
    """Folders outside the data folder in which clients may have files read and written."""
    allow_code_evaluator: bool = False
    """Whether batches may run the code that the model writes, in a process with limits."""
    allow_private_urls: bool = False
    """Whether fine-tunes may fetch their files from this machine and from private networks."""
    max_trainings: int = Field(default=1, ge=1)
    """Fine-tunes that train at a time; the others wait."""
    download_url_lifetime: float = Field(default=3600.0, gt=0)
    """Seconds for which the URL of a fine-tuned model's file is good."""
    device: str = "auto"
    """`auto` (CUDA where there is one, else the CPU), or torch's name of one: `cpu`, `cuda`, `cuda:1`, `mps`, `xpu`."""
    dtype: str = "auto"
    """The numbers that models compute with: `float32`, `bfloat16`, `float16`; `auto` is float32 on a CPU, else what the folder has."""
    kv_memory: int | None = Field(default=None, ge=1)
    """Bytes for the keys and values of all completions in flight; others wait. None: a share of what is free once models are loaded."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads of torch. None: one for small models (two are slower on a busy machine), else torch's own choice."""
    max_batch_size: int = Field(default=16, ge=1)
    """Completions that share a forward pass, per model."""
    max_waiting: int = Field(default=1000, ge=0)
    """Completions that may wait for a place in a batch; past it requests get a 429."""
    max_concurrency: int = Field(default=500, ge=1)
    """Requests at a time, as in the gateway; past it they get a 429."""
    ping_interval: float = Field(default=15.0, gt=0)
    """Seconds between the keep-alive comments of a stream."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.models:
            raise EngineConfigError("an engine needs at least one model")
        if _DEVICE.fullmatch(self.device) is None:
            raise EngineConfigError(f"{self.device!r} is no device: give auto, cpu, cuda, cuda:1, mps or xpu")
        if self.dtype not in DTYPES:
            raise EngineConfigError(f"{self.dtype!r} is no dtype: give {', '.join(DTYPES[:-1])} or {DTYPES[-1]}")
        for alias, name in self.aliases.items():
            if alias in self.models:
                raise EngineConfigError(f"the alias {alias!r} is already the name of a model")
            if name not in self.models:
                raise EngineConfigError(f"the alias {alias!r} points to {name!r}, which is not among the models")
        return self

    @property
    def default_model(self) -> str:
        """The name of the model that a bare alias stands for."""
        return next(iter(self.models))


def check_start(config: EngineConfig) -> None:
    """Refuse what could not work, before the port is bound and torch imported.

    Raises:
        EngineConfigError: the extra is not installed, a folder holds no model, or a host that others reach has no API key.
    """
    missing = [name for name in _RUNTIME if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineConfigError(f"the embedded engine needs {', '.join(missing)}. Install it with: {INSTALL_COMMAND}")
    if config.api_key is None and not is_loopback(config.host):
        raise UnsafeHostError(
            f"{config.host} can be reached from other machines, so an API key is needed: "
            f"give --api-key or set {API_KEY_VARIABLE}, or serve on 127.0.0.1"
        )
    if config.allow_code_evaluator and os.name != "posix":
        raise EngineConfigError("the code evaluator needs limits on processes, which this system does not have")
    for name, path in config.models.items():
        check_model_folder(name, path)


def check_model_folder(name: str, path: Path) -> None:
    """Refuse a folder that is no Hugging Face model with safetensors weights, or whose settings lead out of it.

    Raises:
        EngineConfigError: says what is missing, or what the folder must not have.
    """
    if not path.is_dir():
        raise EngineConfigError(f"model {name}: {path} is not a folder")
    from .runtime.torch_runtime.loading.model_folder import ModelFolderError, check_folder  # noqa: PLC0415 - the extra may not be installed

    try:
        check_folder(path)
    except ModelFolderError as error:
        raise EngineConfigError(f"model {name}: {error}") from error


def read_model_settings(path: Path, file: str = "config.json") -> dict[str, Any]:
    """The model's settings; empty if there are none that can be read."""
    try:
        found = json.loads((path / file).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the host. Names other than localhost count as reachable."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def weights_size(path: Path) -> int:
    """Bytes of weights in a model folder."""
    return sum(file.stat().st_size for file in path.glob("*.safetensors"))
