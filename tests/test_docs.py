"""Every Python block of the documents runs, top to bottom, against the embedded engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(document: str) -> list[str]:
    return BLOCK.findall((ROOT / document).read_text(encoding="utf-8"))


@pytest.mark.engine
@pytest.mark.parametrize("number", range(len(blocks("README.md"))))
def test_readme_blocks_run(number, engine, monkeypatch, capsys):
    pytest.importorskip("langchain_core")
    monkeypatch.setenv("LLM_ENGINE_BASE_PATH", engine.base_url)
    monkeypatch.setenv("SCALE_API_KEY", engine.api_key)
    exec(compile(blocks("README.md")[number], f"README.md, block {number}", "exec"), {"__name__": "__main__"})  # noqa: S102 - our own document
    assert capsys.readouterr().out.strip()


def test_readme_links_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_adding_a_resource_is_true(tmp_path):
    """Following docs/adding-a-resource.md word by word in a copy of the package gives a resource on both clients, and its test passes."""
    wire, resource, line, test = blocks("docs/adding-a-resource.md")
    source = tmp_path / "src" / "llmengine_integrations"
    shutil.copytree(
        ROOT / "src" / "llmengine_integrations",
        source,
        ignore=shutil.ignore_patterns("engine", "langchain", "llama_index", "__pycache__"),
    )
    (source / "wire" / "widgets.py").write_text(wire)
    (source / "core" / "resources" / "widgets.py").write_text(resource)
    client = source / "core" / "client.py"
    registered = "    files: Files[TransportT]\n"
    assert registered in client.read_text()
    client.write_text(client.read_text().replace(registered, f"{registered}    {line}"))
    check = """
from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.wire.widgets import Widget
for client in (Client(), AsyncClient()):
    assert callable(client.widgets.get) and callable(client.widgets.create), client
"""
    (tmp_path / "test_widgets.py").write_text(f"{test}\n\ndef test_it_is_on_both_clients() -> None:\n    import use\n")
    (tmp_path / "use.py").write_text(check)
    done = subprocess.run(  # noqa: S603 - our own document
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            tmp_path,
            tmp_path / "test_widgets.py",
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path / 'src'}:{tmp_path}", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
