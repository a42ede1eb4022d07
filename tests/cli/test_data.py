"""`llmengine data`, and the steps of docs/data-folder.md as they are printed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from engine.bare_process import bare_engine, log_of

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
STEPS = re.findall(
    r"^```sh\n(.*?)^```", (ROOT / "docs" / "data-folder.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
DATABASE = "engine.sqlite3"


def upload(url: str, name: str) -> str:
    reply = httpx.post(f"{url}/v1/files", files={"file": (name, name.encode())}, auth=("key", ""), timeout=30)
    return reply.json()["id"]


def names(url: str) -> list[str]:
    """The names of the uploads, each of which has its content."""
    with httpx.Client(base_url=url, auth=("key", ""), timeout=30) as client:
        files = client.get("/v1/files").json()["files"]
        for file in files:
            assert client.get(f"/v1/files/{file['id']}/content").json()["content"] == file["filename"]
    return [file["filename"] for file in files]


def steps(number: int, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a block of the document."""
    return subprocess.run(  # noqa: S603 - our own document
        ["/bin/bash", "-ec", STEPS[number]],
        env={**os.environ, "HOME": str(home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_steps_of_the_document(tmp_path):
    data = tmp_path / "llm"
    with bare_engine(data) as (_, url):
        upload(url, "old")
        assert (done := steps(0, tmp_path)).returncode == 0, done.stderr
        upload(url, "new")
    with bare_engine(tmp_path / "llm-backup") as (_, url):
        assert names(url) == ["old"]
    (data / DATABASE).write_bytes(b"damaged")
    for number in (1, 2):
        assert (done := steps(number, tmp_path)).returncode == 0, done.stderr
    with bare_engine(data) as (_, url):
        assert names(url) == ["old", "new"]
        upload(url, "newer")
    (data / DATABASE).write_bytes(b"damaged")  # and there is the journal of an engine that was killed
    assert (done := steps(3, tmp_path)).returncode == 0, done.stderr
    with bare_engine(data) as (_, url):
        assert sorted(names(url)) == ["new", "newer", "old"]
    assert (done := steps(4, tmp_path)).returncode == 0, done.stderr
    assert "Added: 3 uploads." in done.stderr
    with bare_engine(data) as (_, url):
        assert names(url) == ["old", "new", "newer"]
    assert len(STEPS) == 5
    assert log_of(data).read_text() == ""


def test_a_backup_while_files_come_and_go(alone, tmp_path):
    data, going = tmp_path / "data", threading.Event()
    with bare_engine(data) as (_, url):
        upload(url, "kept")
        going.set()
        working = threading.Thread(target=come_and_go, args=(url, going))
        working.start()
        results = [alone("data", "backup", data, tmp_path / f"backup {number}") for number in range(5)]
        going.clear()
        working.join()
    assert [result.exit_code for result in results] == [0] * 5, results
    for number in range(5):
        with bare_engine(tmp_path / f"backup {number}") as (_, copy):
            assert "kept" in names(copy)


def come_and_go(url: str, going: threading.Event) -> None:
    while going.is_set():
        file_id = upload(url, "short")
        assert httpx.delete(f"{url}/v1/files/{file_id}", auth=("key", "")).json() == {"deleted": True}


def test_without_the_database_serve_says_what_to_do_and_adopt_does_it(alone, tmp_path):
    data = tmp_path / "data"
    with bare_engine(data) as (_, url):
        first, second = upload(url, "one"), upload(url, "two")
    for path in data.glob(f"{DATABASE}*"):
        path.unlink()
    refused = alone("serve", "--port", 0, "--data", data)
    assert refused.exit_code == 1
    assert refused.output == (
        f"Error: the data folder {data} cannot be used: it holds 2 uploads, but its database engine.sqlite3 is missing. "
        f"Put the database back from a backup, or go on without it: `llmengine data adopt {data}` takes in what is there\n"
    )
    (data / "files" / second).write_text("tw")
    adopted = alone("data", "adopt", data)
    assert (adopted.exit_code, adopted.stdout) == (1, f"files/{first}\n")
    reason = "it has 2 bytes, and its record says 3"
    assert adopted.stderr == f"Added: 1 upload.\nNot added: files/{second}: {reason}. It was left unchanged.\n"
    again = alone("data", "adopt", data, "--json")
    left = {"path": str(data / "files" / second), "reason": reason}
    assert (again.exit_code, json.loads(again.stdout)) == (1, {"taken": [], "refused": [left]})


@pytest.mark.parametrize("command", ["adopt", "backup"])
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(alone, tmp_path, command):
    data, to = tmp_path / "data", tmp_path / "to"
    data.mkdir()
    (data / "notes.txt").write_text("mine")
    arguments = ["data", command, data, *([to] if command == "backup" else [])]
    result = alone(*arguments)
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert [path.name for path in data.iterdir()] == ["notes.txt"]
    assert not to.exists()


def test_a_backup_overwrites_nothing_and_copies_no_damage(alone, tmp_path):
    data, to = tmp_path / "data", tmp_path / "to"
    with bare_engine(data) as (_, url):
        upload(url, "one")
        busy = alone("data", "adopt", data)
    assert (busy.exit_code, "is in use by another engine" in busy.output) == (1, True)
    for place, words in ((tmp_path, "is there already"), (data / "batches" / "b", "is in the data folder itself")):
        result = alone("data", "backup", data, place)
        assert (result.exit_code, words in result.output) == (1, True)
    for path in data.glob(f"{DATABASE}*"):
        path.write_bytes(b"damaged")
    result = alone("data", "backup", data, to)
    assert (result.exit_code, "is damaged" in result.output, to.exists()) == (1, True, False)
