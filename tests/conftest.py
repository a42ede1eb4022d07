from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from llmengine_integrations.engine import EmbeddedEngine

HAS_ENGINE = importlib.util.find_spec("torch") is not None


class ModuleThatMayNeedTheEngine(pytest.Module):
    """Where the extra `engine` is not installed, a module that imports what it brings is skipped."""

    def collect(self):
        try:
            return super().collect()
        except self.CollectError as error:
            if not isinstance(cause := error.__cause__, ModuleNotFoundError):
                raise
            pytest.skip(f"needs the extra engine: {cause.name} is not installed", allow_module_level=True)


if not HAS_ENGINE:

    def pytest_pycollect_makemodule(module_path, parent):
        return ModuleThatMayNeedTheEngine.from_parent(parent, path=module_path)

    def pytest_runtest_setup(item):
        if item.get_closest_marker("engine") is not None:
            pytest.skip("needs the extra engine: torch is not installed")


@pytest.fixture(scope="session")
def engine_folder(tmp_path_factory) -> Path:
    """A folder in which `engine` may read and write files."""
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="session")
def engine(engine_folder) -> Iterator[EmbeddedEngine]:
    """One embedded engine with the default model, for all tests that only ask it things."""
    pytest.importorskip("torch")
    from llmengine_integrations.engine import EmbeddedEngine  # noqa: PLC0415 - others need no engine

    with EmbeddedEngine(aliases=["llama-2-7b"], allow_paths=[engine_folder]) as running:
        yield running


@pytest.fixture(scope="session")
def endless_model(tmp_path_factory) -> Path:
    """The default model without an end token: it writes until it is stopped, or its context is full."""
    from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH  # noqa: PLC0415 - as above

    folder = tmp_path_factory.mktemp("models") / "endless"
    shutil.copytree(DEFAULT_MODEL_PATH, folder)
    for name, ends in (
        ("config", "eos_token_id"),
        ("generation_config", "eos_token_id"),
        ("tokenizer_config", "eos_token"),
    ):
        path = folder / f"{name}.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {ends: None}))
    return folder
