"""A training file that many writers extend: whole at every moment, nothing lost, nothing twice."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmengine_integrations import Client, errors
from llmengine_integrations.datasets import TrainingFile, TrainingRow

A, B, C = TrainingRow("a?", "a."), TrainingRow("b?", "b."), TrainingRow("c?", "c.")
ODD = [
    TrainingRow('with "quotes", commas', "and\nline\r\nends\r\u2028 of every kind"),
    TrainingRow(" spaces stay ", "\tas they are "),
    TrainingRow("日本語 🎉", "=1+1"),
    TrainingRow("\ufeffmark", "bell \a too"),
]
FORMATS = pytest.mark.parametrize("name", ["data.csv", "data.jsonl", "data.ndjson"])


@FORMATS
def test_what_was_added_is_read_back_and_fit_for_training(tmp_path, name):
    data = TrainingFile(tmp_path / "new folder" / name)
    assert list(data) == []
    assert data.append([A, ("b?", "b."), {"prompt": "c?", "response": "c."}]) == 3
    assert data.append(ODD) == len(ODD)
    assert list(data) == [A, B, C, *ODD]
    with Client("http://127.0.0.1:1") as client:
        assert client.files.check(data.path).rows == 3 + len(ODD)


def test_upstreams_format(tmp_path):
    """As its guide shows it: https://llm-engine.scale.com/guides/fine_tuning/."""
    data = TrainingFile(tmp_path / "data.csv")
    data.append([("One, two", "three")])
    data.append([("Four", "five")])
    assert data.path.read_bytes() == b'prompt,response\n"One, two",three\nFour,five\n'


@FORMATS
def test_nothing_is_there_twice(tmp_path, name):
    data = TrainingFile(tmp_path / name)
    assert data.append([A, A, B]) == 2
    assert data.append([B, A]) == 0
    assert TrainingFile(data.path).append([C, B]) == 1
    assert data.append([C]) == 0
    assert list(data) == [A, B, C]
    assert data.append([("a?a", "."), ("a?", "a."), ("a", "?a.")]) == 2


def test_unless_that_is_wanted(tmp_path):
    data = TrainingFile(tmp_path / "data.csv", deduplicate=False)
    assert data.append([A, A]) == 2
    assert list(data) == [A, A]


def test_rows_can_be_filtered_and_blank_ones_are(tmp_path):
    data = TrainingFile(tmp_path / "data.csv", keep=lambda row: row.response != "b.")
    assert data.append([A, B, C, ("", "x"), ("x", " \n")]) == 2
    assert list(data) == [A, C]
    assert TrainingFile(tmp_path / "none.csv").append([("", "")]) == 0
    assert not (tmp_path / "none.csv").exists()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("d.csv", "prompt,response\na?,a.", "prompt,response\na?,a.\nb?,b.\n"),
        ("d.csv", "id,output,input\n7,a.,a?\r\n", "id,output,input\n7,a.,a?\r\n,b.,b?\n"),
        ("d.csv", "", "prompt,response\nb?,b.\n"),
        ("d.csv", "response,prompt\n", "response,prompt\nb.,b?\n"),
        (
            "d.jsonl",
            '{"input": "a?", "output": "a."}\n\n',
            '{"input": "a?", "output": "a."}\n\n{"input": "b?", "output": "b."}\n',
        ),
    ],
)
def test_a_file_that_is_there_is_extended_in_its_own_way(tmp_path, name, content, expected):
    path = tmp_path / name
    path.write_bytes(content.encode())
    data = TrainingFile(path)
    data.append([B])
    assert path.read_bytes().decode() == expected
    assert data.append([A]) == (0 if "a?" in content else 1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "d.csv",
            b"question,answer\nx,y\n",
            "row 1: The header must have the columns prompt and response, or input and output",
        ),
        ("d.csv", b"prompt,response\nx\n", "row 2: The row has 1 cells, the header 2"),
        ("d.csv", b'prompt,response\n"x,y\n', "cannot be read"),
        ("d.csv", b"prompt,response\n\xff,y\n", "not valid UTF-8"),
        ("d.jsonl", b'{"prompt": "x"}\n', "row 1: The row must have prompt and response, or input and output"),
        ("d.jsonl", b'{"prompt": "x", "response": 1}\n', "row 1, column response: The value must be a string"),
        (
            "d.jsonl",
            b'{"prompt": "x", "response": "y"}\n{"input": "x", "output": "y"}',
            "row 2: The row must have prompt and response;",
        ),
        ("d.jsonl", b"[]\n", "not a JSON object"),
        ("d.jsonl", b"{\n", "not valid JSON: "),
    ],
)
def test_what_is_no_training_data_is_left_alone(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    data = TrainingFile(path)
    for attempt in (lambda: data.append([A]), lambda: list(data)):
        with pytest.raises(errors.TrainingDataError, match=message):
            attempt()
    assert path.read_bytes() == content


def test_rows_that_cannot_be_written(tmp_path):
    data = TrainingFile(tmp_path / "d.csv")
    data.append([A])
    before = data.path.read_bytes()
    with pytest.raises(errors.InvalidArgumentError, match="UTF-8"):
        data.append([B, ("\ud800", "x")])
    with pytest.raises(errors.InvalidArgumentError, match="NUL"):
        data.append([B, ("x", "\0")])
    with pytest.raises(errors.InvalidArgumentError, match="131,072"):
        data.append([B, ("x" * 131_073, "x")])
    assert data.path.read_bytes() == before
    assert data.append([B]) == 1
    with pytest.raises(errors.InvalidArgumentError, match=r"d\.txt: .*\.csv"):
        TrainingFile("d.txt")


def test_an_append_that_fails_changes_nothing(tmp_path, monkeypatch):
    """A full disk, seen at the only place that asks the disk."""
    data = TrainingFile(tmp_path / "d.csv")
    data.append([A])
    before = data.path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            data.append([B])
    assert data.path.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [".d.csv.lock", "d.csv"]
    assert data.append([B]) == 1


def test_mode_and_links_stay(tmp_path):
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    TrainingFile(real).append([A])
    real.chmod(0o640)
    link.symlink_to(real)
    TrainingFile(link).append([B])
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert list(TrainingFile(real)) == [A, B]


def test_a_reader_sees_the_file_as_it_was_when_it_began(tmp_path):
    data = TrainingFile(tmp_path / "d.csv")
    data.append([A, B])
    reading = iter(data)
    assert next(reading) == A
    data.append([C])
    assert list(reading) == [B]


def test_threads_lose_and_mix_nothing(tmp_path):
    one, other = TrainingFile(tmp_path / "d.csv"), TrainingFile(tmp_path / "d.csv")

    def add(number):
        return (one, other)[number % 2].append([(f"{number // 2}?", "line one\nline two")])

    with ThreadPoolExecutor(8) as executor:
        assert sum(executor.map(add, range(60))) == 30
    assert sorted(one) == sorted(TrainingRow(f"{number}?", "line one\nline two") for number in range(30))


WRITER = """
import sys
from llmengine_integrations.datasets import TrainingFile

path, name, count, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
data = TrainingFile(path)
print("ready", flush=True)
for i in range(count):
    data.append([(f"{name} {i} {j}", "x\\n" * 50) for j in range(size)])
"""


def writer(path, name, count, size):
    command = [sys.executable, "-c", WRITER, path, name, str(count), str(size)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - our own program


def test_processes_lose_and_mix_nothing(tmp_path):
    path = tmp_path / "d.jsonl"
    writers = [writer(path, name, 15, 2) for name in "abc"]
    for one in writers:
        assert one.wait(60) == 0
        one.stdout.close()
    assert sorted(row.prompt for row in TrainingFile(path)) == sorted(
        f"{name} {i} {j}" for name in "abc" for i in range(15) for j in range(2)
    )


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_writer_leaves_whole_appends_and_the_next_goes_on(tmp_path):
    path = tmp_path / "d.csv"
    for run, wait in enumerate([0.01, 0.05, 0.1, 0.2]):
        with writer(path, f"run {run}", 100_000, 200) as one:
            one.stdout.readline()
            time.sleep(wait)
            one.send_signal(signal.SIGKILL)
        rows = list(TrainingFile(path))
        assert len(rows) % 200 == 0
    assert rows
    assert TrainingFile(path).append([A]) == 1
    assert list(TrainingFile(path))[-1] == A
    assert not (tmp_path / ".d.csv.part").exists()
