"""The console blocks of docs/command-line.md, run in their order against the engine; what a run changes is masked."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "command-line.md"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
PROMPTS = "".join(
    f"{who} lives in {where}. Question: Where does {who} live? Answer:\n"
    for who, where in (("Maria", "Valencia"), ("Igor", "Oslo"))
)
CHANGING = (
    (re.compile(r"^ft-[0-9a-f]+: [A-Z]+\n", re.MULTILINE), ""),  # on standard error, beside the events
    (re.compile(r"\b(file|ft|job)-[0-9a-f]+"), r"\1-ID"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\.\d{6}-\d{6}\b"), ".DATE"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "URL"),
    (re.compile(r"\d+(\.\d+)+(e-\d+|\+\w+)?"), "NUMBER"),
    (re.compile(r"\d+ characters"), "characters"),
    (re.compile(r"_tokens\": \d+"), "_tokens"),
    (re.compile(r"epoch \d"), "epoch"),
    (re.compile(r"\d+ of \d+ ready: .*"), "MODELS"),
    (re.compile(r" +"), " "),
)


def commands() -> list[tuple[str, str]]:
    """Commands, each with what the document shows after it."""
    found = (
        part
        for block in BLOCK.findall(DOCUMENT.read_text(encoding="utf-8"))
        for part in block.split("$ llmengine ")[1:]
    )
    return [(command, shown) for command, _, shown in (part.partition("\n") for part in found)]


def masked(text: str) -> list[str]:
    for pattern, instead in CHANGING:
        text = pattern.sub(instead, text)
    return [line.rstrip() for line in text.splitlines()]


@pytest.fixture
def files(engine_folder, monkeypatch):
    shutil.copy(ROOT / "cookbook" / "data" / "badges.csv", engine_folder)
    (engine_folder / "prompts.txt").write_text(PROMPTS)
    monkeypatch.chdir(engine_folder)


@pytest.mark.engine
def test_the_document_shows_what_the_commands_print(run, files, monkeypatch, engine_folder):
    pytest.importorskip("rich")
    monkeypatch.setattr(
        "click.testing._NamedTextIOWrapper.isatty", lambda stream: stream.name == "<stdout>", raising=False
    )
    played = commands()
    assert len(played) > 10
    for command, shown in played:
        arguments = [str(engine_folder / word) if word == "results.json" else word for word in shlex.split(command)]
        result = run(*arguments, COLUMNS="100")
        printed = iter(masked(ESCAPES.sub("", result.output).replace(f"{engine_folder}/", "")))
        missing = [line for line in masked(shown) if line not in printed]  # others' files may stand between
        assert missing == [], f"{command}:\n{result.output}"
