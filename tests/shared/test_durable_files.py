"""Files are replaced as a whole, by one piece of code, whoever writes them."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from llmengine_integrations._shared import durable_files
from llmengine_integrations._shared.durable_files import replacing, write_file
from llmengine_integrations.cli.conversation.conversation import Conversation
from llmengine_integrations.core.batches.files import write_json
from llmengine_integrations.datasets import TrainingFile
from llmengine_integrations.engine.batch_jobs import output_file

OLD = b"prompt,response\nold,old\n"
LARGE = "x" * 100_000
posix = pytest.mark.skipif(sys.platform == "win32", reason="links, permissions and limits of POSIX")


def save_chat(path: Path) -> None:
    chat = Conversation(None, "m", LARGE, {})  # pyright: ignore[reportArgumentType] - nothing is sent
    chat.save(path)


WRITERS = {
    "whole": lambda path: write_file(path, LARGE.encode()),
    "batch": lambda path: write_json(path, [LARGE], None),
    "rows": lambda path: TrainingFile(path).append([(LARGE, "new")]),
    "chat": save_chat,
    "output": lambda path: output_file.write(path, [LARGE], "job"),
}
writers = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is there, in a folder of its own."""
    path = tmp_path / "folder" / "data.csv"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


def others(path: Path) -> set[str]:
    return {found.name for found in path.parent.iterdir()} - {path.name, f".{path.name}.lock"}


@writers
def test_the_new_file_is_whole_and_alone(write, path):
    write(path)
    assert LARGE.encode() in path.read_bytes()
    assert not others(path)


@posix
@writers
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_the_permissions_of_the_old_file_stay(write, path, mode):
    path.chmod(mode)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
@writers
def test_a_new_file_has_the_permissions_that_the_user_wants(write, tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "new.csv")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.csv").stat().st_mode) == 0o640


@posix
@writers
def test_a_full_disk_leaves_the_old_file(write, path):
    import resource  # noqa: PLC0415 - not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            write(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == OLD
    assert not others(path)


@writers
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_late_failure_leaves_the_old_file(write, path, step, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os if step == "fsync" else Path, step, fail)
    with pytest.raises(OSError, match=r"Input/output|I/O"):
        write(path)
    monkeypatch.undo()
    assert path.read_bytes() == OLD
    assert not others(path)


@posix
@writers
def test_file_and_folder_are_on_the_disk_when_it_returns(write, path, monkeypatch):
    synced, sync = [], os.fsync

    def note(descriptor: int) -> None:
        synced.append(stat.S_IFMT(os.fstat(descriptor).st_mode))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    write(path)
    assert synced == [stat.S_IFREG, stat.S_IFDIR]


@posix
@pytest.mark.parametrize("name", [name for name in WRITERS if name != "output"])
def test_a_link_stays_a_link(name, path, tmp_path):
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    WRITERS[name](link)
    assert link.is_symlink()
    assert LARGE.encode() in path.read_bytes()
    assert not others(path)


@posix
def test_the_engine_follows_no_link_out_of_the_folder(path, tmp_path):
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    WRITERS["output"](link)
    assert path.read_bytes() == OLD
    assert not link.is_symlink()


@posix
def test_a_link_to_nothing_makes_what_it_names(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "new")
    write_file(tmp_path / "link", b"new")
    assert ((tmp_path / "new").read_bytes(), (tmp_path / "link").is_symlink()) == (b"new", True)


@writers
def test_a_folder_is_refused_by_name(write, tmp_path):
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    (folder / "x").touch()
    with pytest.raises(OSError, match=r"folder\.csv") as caught:
        write(folder)
    assert isinstance(caught.value, IsADirectoryError | PermissionError)
    assert not [*tmp_path.glob(".*part")]


@posix
@pytest.mark.parametrize("name", [name for name in WRITERS if name != "rows"])
def test_a_pipe_or_device_is_not_replaced_by_a_file(name, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileExistsError, match="pipe"):
        WRITERS[name](tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("name", [name for name in WRITERS if name not in {"rows", "output"}])
def test_a_folder_that_is_missing_is_named_with_the_file(name, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        WRITERS[name](tmp_path / "missing" / "file")
    assert caught.value.filename == str(tmp_path / "missing" / "file")


@pytest.mark.skipif(sys.platform != "linux", reason="255 bytes is what most Linux file systems take")
@pytest.mark.parametrize("name", [name for name in WRITERS if name != "rows"])
def test_the_longest_name_that_the_system_takes(name, tmp_path):
    WRITERS[name](tmp_path / ("x" * 255))
    assert len([*tmp_path.iterdir()]) == 1


@posix
def test_a_link_in_the_place_of_the_unfinished_file_is_not_written_through(path, tmp_path):
    part = path.parent / "part"
    part.symlink_to(tmp_path / "elsewhere")
    with replacing(path, part=part) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert not (tmp_path / "elsewhere").exists()


@posix
@pytest.mark.parametrize("number", sorted(durable_files._CANNOT_SYNC))
def test_a_folder_that_cannot_be_synced_is_not_a_failure(path, number, monkeypatch):
    sync = os.fsync

    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    write_file(path, b"new")
    assert path.read_bytes() == b"new"


def test_what_fails_in_the_block_comes_out_as_it_is(path):
    failure = OSError("of the block")
    with pytest.raises(OSError, match="of the block") as caught, replacing(path):
        raise failure
    assert caught.value is failure
    assert (path.read_bytes(), others(path)) == (OLD, set())
