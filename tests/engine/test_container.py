"""The memory that a container leaves: files as Linux writes them, in both versions of control groups."""

from __future__ import annotations

import psutil
import pytest
import torch

from llmengine_integrations.engine.runtime.torch_runtime.loading import devices
from llmengine_integrations.engine.runtime.torch_runtime.loading.cgroup_memory import memory_left

GIB = 2**30
NO_LIMIT = "9223372036854771712"


@pytest.fixture
def system(tmp_path):
    """Writes files of the system, and says what is left."""

    def system(own: str, files: dict[str, str]) -> int | None:
        for name, text in ({"own": own} | {f"groups/{name}": text for name, text in files.items()}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        return memory_left(tmp_path / "groups", tmp_path / "own")

    return system


def test_a_limit_of_its_own(system):
    files = {"a/b/memory.max": str(4 * GIB), "a/b/memory.current": str(3 * GIB)}
    assert system("0::/a/b", files) == GIB


def test_cached_files_are_no_hindrance(system):
    files = {"memory.max": str(4 * GIB), "memory.current": str(3 * GIB)}
    assert system("0::/", files | {"memory.stat": f"anon 5\ninactive_file {2 * GIB}"}) == 3 * GIB


def test_the_tightest_around_it_counts(system):
    files = {"a/memory.max": str(2 * GIB), "a/memory.current": str(GIB)}
    assert system("0::/a/b", files | {"a/b/memory.max": "max", "a/b/memory.current": "5"}) == GIB


def test_more_used_than_allowed_leaves_nothing(system):
    assert system("0::/", {"memory.max": "5", "memory.current": "9"}) == 0


def test_the_first_version_whose_path_is_the_hosts(system):
    own = "9:cpu,cpuacct:/x\n4:memory:/docker/0123\n0::/"
    files = {"memory/memory.limit_in_bytes": str(4 * GIB), "memory/memory.usage_in_bytes": str(2 * GIB)}
    assert system(own, files | {"memory/memory.stat": f"inactive_file 7\ntotal_inactive_file {GIB}"}) == 3 * GIB


@pytest.mark.parametrize(
    ("own", "files"),
    [
        ("0::/", {}),
        ("0::/", {"memory.max": "max", "memory.current": "5"}),
        ("4:cpu:/", {"cpu/memory.limit_in_bytes": "5", "cpu/memory.usage_in_bytes": "5"}),
        ("", {"memory.max": "5", "memory.current": "5"}),
    ],
)
def test_no_limit(system, own, files):
    assert system(own, files) is None


def test_the_first_versions_way_of_saying_no_limit_is_no_hindrance(system):
    files = {"memory/memory.limit_in_bytes": NO_LIMIT, "memory/memory.usage_in_bytes": "5"}
    assert system("4:memory:/", files) > 2**60


def test_a_system_without_groups(tmp_path):
    assert memory_left(tmp_path, tmp_path / "none") is None


@pytest.mark.parametrize(("left", "spent"), [(GIB, GIB // 2), (None, 4 * GIB), (100 * GIB, 4 * GIB)])
def test_the_engine_spends_half_of_the_lesser(monkeypatch, left, spent):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 8 * GIB}))
    monkeypatch.setattr(devices, "memory_left", lambda: left)
    assert devices.memory_to_spend(torch.device("cpu")) == spent
