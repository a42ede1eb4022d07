"""What the Makefile's own scripts decide: where torch comes from, and which Pythons the tests run on."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parent.parent


def tool(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


torch_index = tool("torch_index")
second_python = tool("second_python")
CPU, MIRROR = torch_index.CPU_INDEX, "https://mirror.test/cpu"


def choice(system="Linux", override="", found="cuda", gpu=False, reachable=True):
    """None for a question that must not be asked."""

    def answer(value):
        assert value is not None
        return value

    return torch_index.choose(
        system=system,
        override=override,
        found=lambda: answer(found),
        has_gpu=lambda: answer(gpu),
        is_reachable=lambda index: answer(reachable) and index == CPU,
    )


@pytest.mark.parametrize(
    ("case", "index", "said"),
    [
        ({}, CPU, "CPU build"),
        ({"reachable": False}, None, "2.8 GB"),
        ({"reachable": False}, None, "no NVIDIA GPU"),
        ({"gpu": True, "reachable": None}, None, "2.8 GB"),
        ({"found": "cpu", "gpu": None, "reachable": None}, None, "CPU build"),
        ({"found": "installed", "gpu": None, "reachable": None}, None, "installed"),
        ({"found": "none", "gpu": None}, CPU, "CPU build"),
        ({"found": "none", "gpu": None, "reachable": False}, None, "finds none"),
        ({"system": "Darwin", "found": None, "gpu": None, "reachable": None}, None, "standard index"),
        ({"system": "Windows", "found": None, "gpu": None, "reachable": None}, None, "standard index"),
        ({"override": MIRROR, "found": None, "gpu": None, "reachable": None}, MIRROR, "TORCH_INDEX"),
    ],
)
def test_where_torch_comes_from(case, index, said):
    chosen = choice(**case)
    assert chosen.index == index
    assert said in chosen.message
    assert "\n" not in chosen.message


REQUIRED = [
    "filelock",
    'cuda-toolkit[cublas]==13.0.3; platform_system == "Linux"',
    'opt-einsum>=3.3; extra == "opt-einsum"',
]


@pytest.mark.parametrize(
    ("packages", "found"),
    [
        ([], "installed"),
        ([{"metadata": {}}], "cpu"),
        ([{"metadata": {"requires_dist": REQUIRED[::2]}}], "cpu"),
        ([{"metadata": {"requires_dist": REQUIRED}}], "cuda"),
        ([{"metadata": {"requires_dist": ["nvidia-cudnn-cu13==9.20"]}}], "cuda"),
    ],
)
def test_what_pip_would_install_is_read_from_its_report(packages, found):
    """x86_64 and aarch64 alike: torch's builds of both for Linux name the same libraries."""
    assert torch_index.build_in({"install": packages}) == found


@pytest.mark.parametrize(
    ("program", "gpu"),
    [
        ("print('GPU 0: NVIDIA H200 (UUID: GPU-1)')", True),
        ("print('No devices were found')", False),
        ("print('GPU 0: NVIDIA H200 (UUID: GPU-1)'); exit(9)", False),
        ("exit('NVIDIA-SMI has failed')", False),
    ],
)
def test_a_gpu_is_one_that_nvidia_smi_lists(program, gpu):
    assert torch_index.lists_gpu([sys.executable, "-c", program]) is gpu


def test_without_nvidia_smi_there_is_no_gpu(tmp_path):
    assert not torch_index.lists_gpu([str(tmp_path / "nvidia-smi"), "-L"])


def python(*version: int):
    return second_python.Interpreter("python", version)


DEBIAN, OLD = python(3, 11, 2), python(3, 10, 9)


@pytest.mark.parametrize(
    ("system", "newer", "own", "chosen"),
    [
        (DEBIAN, [python(3, 12, 1), python(3, 13, 0)], (3, 11, 7), [DEBIAN, python(3, 13, 0)]),
        (DEBIAN, [python(3, 13, 0)], (3, 11, 2), [python(3, 13, 0)]),
        (DEBIAN, [python(3, 13, 0)], (3, 13, 0), [DEBIAN]),
        (python(3, 13, 0), [python(3, 13, 0)], (3, 11, 7), [python(3, 13, 0)]),
        (OLD, [], (3, 11, 7), []),
        (None, [], (3, 11, 7), []),
    ],
)
def test_the_tests_run_on_the_systems_python_and_the_newest(system, newer, own, chosen):
    assert second_python.chosen(system, newer, own) == chosen


def test_a_python_that_does_not_run_is_none(tmp_path):
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    assert (
        second_python.interpreter(shim)
        is second_python.interpreter(None)
        is second_python.interpreter(tmp_path / "no")
        is None
    )
    assert second_python.interpreter(sys.executable).version == sys.version_info[:3]


def test_pythons_are_found_where_pyenv_keeps_them(tmp_path, monkeypatch):
    versions = tmp_path / "versions"
    (versions / "3.13.9" / "bin").mkdir(parents=True)
    (versions / "3.13.9" / "bin" / "python3").symlink_to(sys.executable)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    assert [found.path for found in second_python.installed(["3.13", "3.12"])] == [
        str(versions / "3.13.9" / "bin" / "python3")
    ]


def test_what_constraints_name_installs_on_the_lowest_python():
    """Of the packages that are installed here, those that `constraints.txt` names for Python 3.11.0."""
    lowest, unfit = {"python_version": "3.11", "python_full_version": "3.11.0"}, []
    pins = [Requirement(line) for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if line[0] != "#"]
    for pin in pins:
        with suppress(PackageNotFoundError):
            metadata = distribution(pin.name).metadata
            meant = pin.specifier.contains(metadata["Version"]) and (pin.marker is None or pin.marker.evaluate(lowest))
            if meant and not SpecifierSet(metadata.get("Requires-Python") or "").contains("3.11.0"):
                unfit.append(pin.name)
    assert len(pins) > 100
    assert unfit == []
