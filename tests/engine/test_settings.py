"""Every setting of `EngineConfig` can be given, arrives, is read by the engine, and is refused in one line when it is not valid.

`test_docs.py` compares the table of the settings in docs/embedded-engine.md.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_type_hints

import httpx
import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from llmengine_integrations.cli import main
from llmengine_integrations.cli.commands import serve as serve_command
from llmengine_integrations.cli.options.engine_options import flag_name
from llmengine_integrations.engine import EmbeddedEngine, EngineConfigError
from llmengine_integrations.engine.config import (
    API_KEY_VARIABLE,
    DEFAULT_MODEL_PATH,
    EngineConfig,
    EngineSettings,
    check_start,
)

from .fakes import running

pytestmark = pytest.mark.engine

FOLDER = Path("/somewhere/else")
TELLING: dict[str, Any] = {
    "models": {"m": DEFAULT_MODEL_PATH},
    "aliases": {"other": "m"},
    "host": "127.0.0.2",
    "port": 5006,
    "api_key": "key",
    "data": FOLDER,
    "max_upload_size": 77,
    "allow_paths": (FOLDER, FOLDER / "x"),
    "allow_code_evaluator": True,
    "allow_private_urls": True,
    "max_trainings": 2,
    "download_url_lifetime": 7.5,
    "device": "cuda:7",
    "dtype": "float16",
    "kv_memory": 78,
    "threads": 3,
    "max_batch_size": 17,
    "max_waiting": 0,
    "max_concurrency": 79,
    "ping_interval": 0.5,
}
"""A valid value of each setting that is not its default. A new setting needs one."""
ONLY_SERVE: dict[str, str] = {}
ONLY_EMBEDDED: dict[str, str] = {}
"""Settings that cannot be given in one of the two ways, each with the reason."""
FIELDS = EngineConfig.model_fields


def changed(config: EngineConfig) -> dict[str, Any]:
    """The settings that are not at their defaults."""
    found = {name: getattr(config, name) for name in FIELDS if getattr(config, name) != getattr(EngineConfig(), name)}
    if "models" in found:
        found["models"] = {name: source.path for name, source in config.models.items()}
    return found | ({"api_key": config.api_key.get_secret_value()} if config.api_key else {})


def words(name: str, value: Any) -> list[str]:
    """The words of a command line for a setting."""
    flag = flag_name(name, FIELDS[name])
    if value is True:
        return [flag]
    values = (
        value
        if isinstance(value, tuple)
        else [f"{k}={v}" for k, v in value.items()]
        if isinstance(value, dict)
        else [value]
    )
    return [word for one in values for word in (flag, str(one))]


@pytest.fixture
def started(monkeypatch) -> list[EngineConfig]:
    """What `llmengine serve` would serve."""
    found: list[EngineConfig] = []
    monkeypatch.setattr(serve_command, "_serve", found.append)
    monkeypatch.setattr(serve_command, "check_start", lambda _: None)
    return found


def serve(*arguments: str) -> None:
    result = CliRunner().invoke(main, ["serve", *arguments], env={API_KEY_VARIABLE: None})
    assert result.exit_code == 0, result.output


def test_the_defaults_of_the_command(started):
    serve()
    assert started == [EngineConfig()]


def test_every_setting_is_an_option(started):
    serve(*[word for name in FIELDS if name not in ONLY_EMBEDDED for word in words(name, TELLING[name])])
    assert changed(started[0]) == {name: value for name, value in TELLING.items() if name not in ONLY_EMBEDDED}


def test_every_setting_is_an_argument_and_reaches_the_engines_process(monkeypatch):
    processes = []

    def spawn(command: list[str], **options: Any) -> SimpleNamespace:
        processes.append((command, options["env"]))
        return SimpleNamespace(poll=lambda: 1, returncode=1, stdin=None, wait=lambda _: 1)

    monkeypatch.setattr(subprocess, "Popen", spawn)
    given = {name: value for name, value in TELLING.items() if name not in ONLY_SERVE}
    with pytest.raises(RuntimeError, match="the engine ended"):
        EmbeddedEngine(**given).start()
    command, environment = processes[0]
    config = EngineConfig.model_validate_json(command[-2])
    assert changed(config) | {"api_key": environment[API_KEY_VARIABLE]} == given
    assert "key" not in command[-2].replace("api_key", "")


def test_the_arguments_are_typed():
    hints = get_type_hints(EngineSettings)
    named = {"models", "aliases", "api_key"}  # arguments of their own
    assert set(hints) == set(FIELDS) - named - set(ONLY_SERVE)


class Watched(EngineConfig):
    """A configuration that notes which settings are read."""

    def __getattribute__(self, name: str) -> Any:
        if name in type(self).model_fields:
            object.__getattribute__(self, "__dict__").setdefault(" read", set()).add(name)
        return super().__getattribute__(name)


def test_every_setting_is_read():
    config = Watched(port=0, api_key=SecretStr("key"))
    read = vars(config)[" read"]
    read.clear()  # what its own checks have read
    check_start(config)
    with running(config) as (url, server):
        assert server.ready_event.wait(60)
        assert httpx.get(f"{url}/v1/llm/model-endpoints", auth=("key", "")).status_code == 200
    assert read == set(FIELDS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"port": -1}, "port must be greater than or equal to 0, not -1"),
        ({"port": 65536}, "port must be less than or equal to 65535, not 65536"),
        ({"max_batch_size": 0}, "max_batch_size must be greater than or equal to 1, not 0"),
        ({"max_waiting": -1}, "max_waiting must be greater than or equal to 0, not -1"),
        ({"kv_memory": "lots"}, "kv_memory must be a valid integer, unable to parse string as an integer, not 'lots'"),
        ({"ping_interval": float("nan")}, "ping_interval must be a finite number, not nan"),
        ({"download_url_lifetime": float("inf")}, "download_url_lifetime must be a finite number, not inf"),
        (
            {"threads": 0, "host": None},
            "host must be a valid string, not None; threads must be greater than or equal to 1, not 0",
        ),
        ({"dtype": "half"}, "dtype must be 'auto', 'float32', 'bfloat16' or 'float16', not 'half'"),
        ({"device": "gpu"}, "'gpu' is not a valid device. Use auto, cpu, cuda, cuda:1, mps or xpu"),
        ({"data": ""}, "data: '' is not a valid path"),
        ({"data": "a\0b"}, r"data: 'a\x00b' is not a valid path"),
        ({"allow_paths": [""]}, "allow_paths.0: '' is not a valid path"),
        ({"aliases": "name"}, "aliases must be a list of names or a mapping, not 'name'"),
        ({"aliases": [""]}, "the name of a model is empty"),
        ({"models": {"": DEFAULT_MODEL_PATH}}, "the name of a model is empty"),
        ({"api_key": 7}, "api_key must be a valid string"),
    ],
)
def test_a_value_that_is_not_valid_is_one_line(settings, message):
    with pytest.raises(EngineConfigError) as caught:
        EmbeddedEngine(**settings)
    assert str(caught.value) == message


def test_a_misspelt_setting():
    with pytest.raises(TypeError, match="EmbeddedEngine has no setting 'max_wating'; did you mean 'max_waiting'"):
        EmbeddedEngine(max_wating=1)


def test_paths_may_begin_with_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    config = EngineConfig(data="~/llm", allow_paths=["here"])
    assert (config.data, config.allow_paths) == (tmp_path / "llm", (tmp_path / "here",))


def test_an_engine_that_listens_on_every_address_is_reached_on_this_machine():
    with EmbeddedEngine(host="0.0.0.0") as engine:  # noqa: S104 - it has a key, and is gone in a moment
        assert engine.base_url.startswith("http://127.0.0.1:")
