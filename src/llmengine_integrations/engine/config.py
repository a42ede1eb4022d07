"""The settings of an engine, checked before anything heavy is imported."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import reprlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict

from .model_source import HuggingFaceFolder, ModelSource, ModelSourceError, parse_source

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

from llmengine_integrations._shared.loopback import is_loopback

DEFAULT_MODEL_NAME = "llmengine-tiny"
DEFAULT_MODEL_PATH = Path(__file__).parent / "default_model"
API_KEY_VARIABLE = "LLM_ENGINE_SERVE_API_KEY"
DATA_FOLDER_STATUS = 3
"""The exit status of an `EmbeddedEngine`'s process when it cannot use the data folder."""
INSTALL_COMMAND = "pip install 'llmengine-integrations[engine]'"

Dtype = Literal["auto", "float32", "bfloat16", "float16"]

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
    """The engine cannot start with these settings. The message is one line for a person.

    It is not a ValueError, because pydantic would wrap that in an error of many lines.
    """


class EngineStartError(RuntimeError):
    """The engine's process ended, or was not ready in time. The message has the end of its log."""


class DataFolderError(EngineConfigError, EngineStartError):
    """The data folder cannot be used. Nothing in it was changed. The message is one line, and says what to do."""


class UnsafeHostError(EngineConfigError):
    """Other machines could use the engine without a key."""


@dataclass(frozen=True, slots=True)
class Flag:
    """How a setting appears as an option of `llmengine serve`, where its name and type are not enough."""

    name: str = ""
    """The option. If empty, it is the setting's name with dashes."""
    metavar: str | None = None
    """What the help shows as the value."""
    unit: Literal["bytes", "seconds"] | None = None
    """With `bytes`, a value may also have a unit, such as 512MB."""
    unset: str = ""
    """What the documents show as the default, if the default is not a value that a user can give."""
    variable: str | None = None
    """The environment variable that sets the option."""


def _absolute(given: object) -> object:
    if not isinstance(given, str | os.PathLike):
        return given
    path = os.fspath(cast("str | os.PathLike[str]", given))
    if not path or "\0" in path:
        raise ValueError(f"{path!r} is not a valid path")
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - a string, since JSON has no paths


Folder = Annotated[Path, BeforeValidator(_absolute)]


class EngineConfig(BaseModel):
    """Every setting of an engine, and the only place that declares one: name, type, limits, default and description.

    The options of `llmengine serve`, the arguments of `EmbeddedEngine` and the table in docs/embedded-engine.md follow from the fields.
    The settings are passed to the engine's process as JSON. Only the API key is passed separately.

    Raises:
        EngineConfigError: a value is not valid. The message is one line that names each such setting.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: Annotated[
        dict[str, ModelSource], Flag("--model", metavar="NAME=SOURCE", unset=f"`{DEFAULT_MODEL_NAME}`")
    ] = Field(
        default_factory=lambda: {DEFAULT_MODEL_NAME: HuggingFaceFolder(path=DEFAULT_MODEL_PATH)},
        description=(
            "The models to serve: a name and a source for each. A source is a folder with a Hugging Face causal "
            "language model. The first is the default model. Without any, the small test model in this package is served."
        ),
    )
    aliases: Annotated[dict[str, str], Flag("--alias", metavar="NAME[=MODEL]", unset="none")] = Field(
        default_factory=dict[str, str],
        description="Further names, each for one of the models. A name alone is for the default model.",
    )
    host: str = Field(
        default="127.0.0.1",
        description="The address to listen on. Any address that other machines can reach needs an API key.",
    )
    port: int = Field(default=5005, ge=0, le=65535, description="The TCP port. 0 takes any free port.")
    api_key: Annotated[
        SecretStr | None, BeforeValidator(lambda key: key or None), Flag(variable=API_KEY_VARIABLE, unset="any key")
    ] = Field(
        default=None,
        exclude=True,
        description=(
            "The only key that is accepted. Without one, every key is accepted, as in LLM Engine's open-source "
            "gateway. Other users of the machine can see command lines, so set the variable rather than the "
            "option."
        ),
    )
    data: Annotated[Folder | None, Flag(unset="a temporary folder")] = Field(
        default=None,
        description=(
            "The folder for everything that the engine keeps. One engine at a time can use it. Without it, the "
            "engine keeps everything in a temporary folder and deletes that when it stops."
        ),
    )
    max_upload_size: Annotated[int, Flag(unit="bytes")] = Field(
        default=2**30, ge=1, description="The size of the largest file that can be uploaded. Larger files get a 413."
    )
    allow_paths: Annotated[tuple[Folder, ...], Flag("--allow-path", unset="none")] = Field(
        default=(),
        description="Folders outside the data folder in which batches and fine-tunes may read and write files.",
    )
    allow_code_evaluator: bool = Field(
        default=False, description="Let batches run the code that the model writes, in a process with limits."
    )
    allow_private_urls: bool = Field(
        default=False, description="Let fine-tunes fetch their files from this machine and from private networks."
    )
    max_trainings: int = Field(
        default=1, ge=1, description="How many fine-tunes train at the same time. The others wait."
    )
    download_url_lifetime: Annotated[float, Flag(unit="seconds")] = Field(
        default=3600.0,
        gt=0,
        allow_inf_nan=False,
        description="How long the download URL of a fine-tuned model's file works.",
    )
    device: Annotated[str, Flag(metavar="DEVICE")] = Field(
        default="auto",
        description="`cpu`, `cuda`, `cuda:1`, `mps`, `xpu`, or `auto`: CUDA if the machine has it, else the CPU.",
    )
    dtype: Dtype = Field(
        default="auto",
        description=(
            "The number format to compute with. `auto` is float32 on a CPU, else the format of the model's folder."
        ),
    )
    kv_memory: Annotated[int | None, Flag(unit="bytes", unset="a share of free memory")] = Field(
        default=None,
        ge=1,
        description=(
            "Memory for the keys and values of all completions in progress. Completions that do not fit wait. "
            "Without it, the engine takes a share of the memory that is free once the models are loaded."
        ),
    )
    threads: Annotated[int | None, Flag(unset="by model size")] = Field(
        default=None,
        ge=1,
        description=(
            "CPU threads that torch uses. By default one for small models (two are slower on a busy machine), "
            "else torch's own choice."
        ),
    )
    max_batch_size: int = Field(default=16, ge=1, description="How many completions of a model share a forward pass.")
    max_waiting: int = Field(
        default=1000, ge=0, description="How many completions may wait for a place in a batch. More get a 429."
    )
    max_concurrency: int = Field(
        default=500, ge=1, description="How many requests are answered at the same time. More get a 429."
    )
    ping_interval: Annotated[float, Flag(unit="seconds")] = Field(
        default=15.0, gt=0, allow_inf_nan=False, description="Time between the keep-alive comments of a stream."
    )

    @model_validator(mode="wrap")
    @classmethod
    def _in_one_line(cls, given: object, validate: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return validate(given)
        except ValidationError as error:
            raise EngineConfigError("; ".join(map(_reason, error.errors()))) from error

    @field_validator("models", mode="before")
    @classmethod
    def _parse_sources(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        models = cast("Mapping[str, object]", given)
        return {name: _parsed(name, source) for name, source in models.items()}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.models:
            raise EngineConfigError("an engine needs at least one model")
        if _DEVICE.fullmatch(self.device) is None:
            raise EngineConfigError(f"{self.device!r} is not a valid device. Use auto, cpu, cuda, cuda:1, mps or xpu")
        if "" in self.models or "" in self.aliases:
            raise EngineConfigError("the name of a model is empty")
        for alias, name in self.aliases.items():
            if alias in self.models:
                raise EngineConfigError(f"the alias {alias!r} is already the name of a model")
            if name not in self.models:
                raise EngineConfigError(f"the alias {alias!r} points to {name!r}, which is not among the models")
        return self

    @property
    def default_model(self) -> str:
        """The name of the model that an alias without a model stands for."""
        return next(iter(self.models))


def _parsed(name: str, source: object) -> object:
    if isinstance(source, dict):
        return cast("object", source)  # it comes from JSON
    with _naming(name):
        return parse_source(source)


@contextmanager
def _naming(model: str) -> Generator[None]:
    """Add to an error which model cannot be served."""
    try:
        yield
    except ModelSourceError as error:
        raise EngineConfigError(f"model {model}: {error}") from error


def _reason(error: ErrorDetails) -> str:
    """Return what is wrong with one setting. The API key is never shown."""
    setting = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        return f"there is no setting {setting!r}"
    if error["type"] == "value_error":
        return f"{setting}: {error['msg'].removeprefix('Value error, ')}"
    given = "" if error["loc"][:1] == ("api_key",) else f", not {reprlib.repr(error['input'])}"
    message = error["msg"]
    if message.startswith("Input should "):
        return f"{setting} must {message.removeprefix('Input should ')}{given}"
    return f"{setting}: {message[:1].lower()}{message[1:]}{given}"


def named_models(
    models: Mapping[str, Any] | None, aliases: Mapping[str, str | None] | Sequence[str]
) -> dict[str, Mapping[str, Any]]:
    """Return the settings `models` and `aliases`. An alias without a model is for the default model.

    Without models, the small model is served.

    Raises:
        EngineConfigError: the aliases are one string, each character of which would become an alias.
    """
    if isinstance(aliases, str):
        raise EngineConfigError(f"aliases must be a list of names or a mapping, not {aliases!r}")
    served: Mapping[str, Any] = models or {DEFAULT_MODEL_NAME: DEFAULT_MODEL_PATH}
    named = aliases if isinstance(aliases, Mapping) else dict.fromkeys(aliases)
    default = next(iter(served))
    return {"models": served, "aliases": {alias: name or default for alias, name in named.items()}}


class EngineSettings(TypedDict, total=False):
    """The settings that `EmbeddedEngine` takes as keywords. `EngineConfig` describes each and has its default."""

    host: str
    port: int
    data: str | os.PathLike[str] | None
    max_upload_size: int
    allow_paths: Sequence[str | os.PathLike[str]]
    allow_code_evaluator: bool
    allow_private_urls: bool
    max_trainings: int
    download_url_lifetime: float
    device: str
    dtype: Dtype
    kv_memory: int | None
    threads: int | None
    max_batch_size: int
    max_waiting: int
    max_concurrency: int
    ping_interval: float


def check_start(config: EngineConfig) -> None:
    """Refuse settings that cannot work, before the port is bound and torch is imported.

    Raises:
        EngineConfigError: the extra is not installed, a model cannot be served, or other machines can reach the host and there is no API
            key.
    """
    missing = [name for name in _RUNTIME if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineConfigError(f"the embedded engine needs {', '.join(missing)}. Install it with: {INSTALL_COMMAND}")
    if config.api_key is None and not is_loopback(config.host, subdomains=False):
        raise UnsafeHostError(
            f"{config.host} can be reached from other machines, so an API key is needed: "
            f"give --api-key or set {API_KEY_VARIABLE}, or serve on 127.0.0.1"
        )
    if config.allow_code_evaluator and os.name != "posix":
        raise EngineConfigError("the code evaluator needs limits on processes, which this system does not have")
    for name, source in config.models.items():
        with _naming(name):
            source.check()


def read_model_settings(path: Path, file: str = "config.json") -> dict[str, Any]:
    """Return the model's settings; empty if there are no readable ones."""
    try:
        found = json.loads((path / file).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def weights_size(path: Path) -> int:
    """Return the size of the weights in a model folder, in bytes."""
    return sum(file.stat().st_size for file in path.glob("*.safetensors"))
