"""What becomes of a data folder whose database is lost, damaged, another's, or older than the folder: nothing is deleted."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from llmengine_integrations.engine import DataFolderError, EmbeddedEngine, EngineStartError
from llmengine_integrations.engine.store import Job, Store, adopt, back_up, database, open_store

pytestmark = pytest.mark.engine

DATABASE = "engine.sqlite3"
TABLES = 3  # of the version before there were records and markers


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    with open_store(folder, max_file_size=10_000) as store:
        yield store


def put(store: Store, content: bytes = b"text", name: str = "a.csv") -> str:
    incoming = store.files.receive(name)
    incoming.write(content)
    return incoming.keep().id


def job(store: Store, name: str) -> Job:
    """A fine-tune that waits."""
    with store.fine_tunes.prepare() as folder:
        (folder / "training.jsonl").write_text('["a", "b"]\n')
        (folder / "job.json").write_text(json.dumps({"name": name, "base": "base", "hyperparameters": {}}))
        return store.fine_tunes.add(folder, base="base", fine_tuned_model=name)


def publish(store: Store, job: Job) -> None:
    """Make a fine-tune succeed, with its model."""
    assert store.fine_tunes.begin(job.id)
    adapter = store.fine_tunes.folder(job.id) / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    card = f"---\ntags: [lora]\n---\n\n# {job.fine_tuned_model}\n\nA LoRA adapter for base, trained by the engine.\n"
    (adapter / "README.md").write_text(card)
    model = store.models.take(job.id, adapter, name=job.fine_tuned_model, base=job.base)
    assert store.fine_tunes.succeed(job, model)
    store.fine_tunes.tidy(job.id)


def uploads(data: Path) -> list[str]:
    """The ids of the uploads, the largest first."""
    found = [path for path in (data / "files").iterdir() if not path.suffix]
    return [path.name for path in sorted(found, key=lambda path: -path.stat().st_size)]


@pytest.fixture
def data(tmp_path):
    """A data folder with two uploads, a model, and a fine-tune that waits."""
    folder = tmp_path / "da ta"
    with opened(folder) as store:
        put(store, "tëxt".encode(), "a\n'b'.csv")
        put(store, b"", "empty.csv")
        publish(store, job(store, "base.one"))
        job(store, "base.two")
    (folder / "batches" / "out.json").write_text("[]")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Everything but the lock, and what SQLite adds."""
    apart = {"lock", f"{DATABASE}-wal", f"{DATABASE}-shm"}
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in apart
    }


def listed(store: Store) -> dict[str, object]:
    return {
        "files": [(file.id, file.filename, file.size) for file in store.files.all()],
        "models": store.models.all(),
        "fine-tunes": {(tuned.id, tuned.fine_tuned_model, tuned.status) for tuned in store.fine_tunes.all()},
    }


def rewrite(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def lose(path: Path) -> None:
    for place in path.parent.glob(f"{path.name}*"):
        place.unlink()


def empty(path: Path) -> None:
    lose(path)
    path.touch()


def without_tables(path: Path) -> None:
    lose(path)
    rewrite(path, "PRAGMA journal_mode = WAL", "CREATE TABLE t (x)", "DROP TABLE t")


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def cut_in_the_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def overwrite_pages(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))


def of_another_program(path: Path) -> None:
    lose(path)
    rewrite(path, "CREATE TABLE places (url TEXT)", "INSERT INTO places VALUES ('here')")


def of_another_program_with_our_version(path: Path) -> None:
    of_another_program(path)
    rewrite(path, "PRAGMA user_version = 3")


def without_one_table(path: Path) -> None:
    rewrite(path, "DROP TABLE tuned_models")


def of_another_folder(path: Path) -> None:
    with opened(path.parent.parent / "other"):
        pass
    lose(path)
    shutil.copy(path.parent.parent / "other" / DATABASE, path)


def newer(path: Path) -> None:
    rewrite(path, "PRAGMA user_version = 99")


def a_backup_beside_a_journal(path: Path) -> None:
    back_up(path.parent, path.parent.parent / "backup")
    with closing(sqlite3.connect(path, isolation_level=None)) as left:
        left.execute("DELETE FROM files")
        journal = path.with_name(f"{path.name}-wal").read_bytes()
    lose(path)
    shutil.copy(path.parent.parent / "backup" / DATABASE, path)
    path.with_name(f"{path.name}-wal").write_bytes(journal)


def an_old_copy_beside_a_journal(path: Path) -> None:
    old, journal = path.read_bytes(), path.with_name(f"{path.name}-wal")
    events = "INSERT INTO fine_tune_events (fine_tune, timestamp, message, level) SELECT id, 0, hex(zeroblob(3000)), '' FROM fine_tunes"
    with opened(path.parent):
        rewrite(path, *[events] * 9)
    with closing(sqlite3.connect(path, isolation_level=None)) as left:
        left.execute(events)
        newer = journal.read_bytes()
    path.write_bytes(old)
    journal.write_bytes(newer)


@pytest.mark.parametrize(
    ("spoil", "found", "advice"),
    [
        (
            lose,
            "holds 2 uploads, 1 fine-tuned model and 1 unfinished fine-tune, but its database {} is missing",
            "adopt",
        ),
        (empty, "its database {} is empty", "adopt"),
        (without_tables, "its database {} is empty", "adopt"),
        (truncate, "its database {} is damaged", "put a backup in its place"),
        (cut_in_the_header, "its database {} is damaged", "put a backup in its place"),
        (overwrite_pages, "its database {} is damaged", "put a backup in its place"),
        (of_another_program, "{} is not a database of this engine", "put a backup in its place"),
        (of_another_program_with_our_version, "{} is not a database of this engine", "put a backup in its place"),
        (without_one_table, "{} is not a database of this engine", "put a backup in its place"),
        (of_another_folder, "{} is the database of another data folder", "Put back this folder's own"),
        (newer, "a newer version of llmengine-integrations wrote its database {}", "Install that version"),
        (an_old_copy_beside_a_journal, "its database {} is damaged", "and engine.sqlite3-wal out of the folder"),
        (a_backup_beside_a_journal, "{0}-wal is not the journal of {0}", "out of the folder"),
    ],
)
def test_a_database_that_is_not_the_folders_is_refused_and_nothing_is_changed(data, spoil, found, advice):
    spoil(data / DATABASE)
    before = contents(data)
    journal = data / f"{DATABASE}-wal"
    written = journal.read_bytes() if journal.exists() else b""
    for _ in range(2):
        with pytest.raises(DataFolderError) as caught, opened(data):
            pytest.fail("opened")
        message = str(caught.value)
        assert message.startswith(f"the data folder {data} cannot be used: ")
        assert found.format(DATABASE) in message
        assert advice in message
        assert "\n" not in message
        assert contents(data) == before
        assert (journal.read_bytes() if journal.exists() else b"") == written


@pytest.mark.parametrize("spoil", [lose, empty, without_tables])
def test_all_is_taken_in_again_without_the_database(data, spoil):
    with opened(data) as store:
        before = listed(store)
    on_disk = contents(data)
    spoil(data / DATABASE)
    adopted = adopt(data)
    assert (len(adopted.taken), adopted.refused) == (4, ())
    assert adopt(data).taken == ()
    with opened(data) as store:
        assert store.unlisted == ()
        assert listed(store) == before
        assert [waiting.fine_tuned_model for waiting in store.fine_tunes.active()] == ["base.two"]
        assert "taken in from the data folder" in store.fine_tunes.events(store.fine_tunes.all()[0].id)[0].message
    after = contents(data)
    assert {**on_disk, DATABASE: b""} == {**after, DATABASE: b""}


def test_what_is_newer_than_a_restored_database_stays_and_is_taken_in(data, tmp_path, caplog):
    with opened(data) as store:
        kept = listed(store)
    back_up(data, tmp_path / "backup")
    with opened(data) as store:
        publish(store, store.fine_tunes.active()[0])
        put(store, b"new", "new.csv")
        publish(store, job(store, "base.three"))
        now = listed(store)
    lose(data / DATABASE)
    shutil.copy(tmp_path / "backup" / DATABASE, data)
    before = {name: content for name, content in contents(data).items() if name != DATABASE}
    for _ in range(2):
        caplog.clear()
        with opened(data) as store:
            assert listed(store) == kept
        assert {name: content for name, content in contents(data).items() if name != DATABASE} == before
        [warning] = [record.getMessage() for record in caplog.records]
        assert "holds 1 upload and 2 fine-tuned models that its database does not list" in warning
        assert f"llmengine data adopt '{data}'" in warning
    assert len(adopt(data).taken) == 3
    with opened(data) as store:
        assert {key: sorted(map(str, value)) for key, value in listed(store).items()} == {
            key: sorted(map(str, value)) for key, value in now.items()
        }


def test_a_folder_of_an_older_version_is_taken_in_as_far_as_it_says(data):
    """It has no marker, no records, and a database without ids."""
    for record in [*data.glob("*/*.json"), data / "engine.id"]:
        record.unlink() if record.parent.name != "batches" else None
    upload = next((data / "files").iterdir()).name
    rewrite(data / DATABASE, "DROP TABLE folder", "DROP TABLE removals", f"PRAGMA user_version = {TABLES}")
    with opened(data) as store:
        assert len(store.files.all()) == 2
    assert (data / "engine.id").read_text().strip()
    lose(data / DATABASE)
    (data / "engine.id").unlink()
    with pytest.raises(DataFolderError, match="is missing"), opened(data):
        pytest.fail("opened")
    assert len(adopt(data).taken) == 4
    with opened(data) as store:
        assert store.files.get(upload).filename == upload
        assert [(found.name, found.base) for found in store.models.all()] == [("base.one", "base")]


def test_what_cannot_be_taken_in_is_said_and_left(data):
    first, second = (data / "files" / file_id for file_id in uploads(data))
    first.write_bytes(first.read_bytes()[:-1])
    second.write_bytes(b"\xff")
    shutil.copytree(
        next(path for path in (data / "models").iterdir() if path.is_dir()), data / "models" / ("ft-" + "0" * 20)
    )
    (data / "models" / ("ft-" + "0" * 20) / "README.md").unlink()
    (next((data / "fine-tunes").iterdir()) / "job.json").write_text("half of it {")
    lose(data / DATABASE)
    before = contents(data)
    adopted = adopt(data)
    reasons = sorted(reason for _, reason in adopted.refused)
    assert len(adopted.taken) == 1
    assert [reason.split(":")[0][:20] for reason in reasons] == [
        "it has 4 bytes, and ",
        "it is not UTF-8",
        "its job.json cannot ",
        "neither ft-000000000",
    ]
    assert {name: content for name, content in contents(data).items() if name != DATABASE} == before


@pytest.mark.parametrize(
    "record",
    [
        '{"filename": "\\ud800", "created_at": 1.5}',
        '{"filename": "\\ud800x", "created_at": NaN}',
        '{"filename": 5, "created_at": 1e300}',
        '{"created_at": -1e9}',
        "[" * 100_000,
    ],
    ids=["half a character", "NaN", "far future", "past", "deep"],
)
def test_a_record_that_makes_no_sense_keeps_nothing_from_being_taken_in(data, record):
    """What it says is left out, and the others are taken in as ever."""
    spoiled = uploads(data)[0]
    (data / "files" / f"{spoiled}.json").write_text(record)
    for path in (data / "models").glob("*.json"):
        path.write_text('{"name": "base.one", "base": "base", "created_at": 1e300}')
    lose(data / DATABASE)
    assert adopt(data).refused == ()
    with opened(data) as store:
        assert store.files.get(spoiled).filename == spoiled
        assert len(store.files.all()) == 2
        assert [0 < model.created_at < 1e11 for model in store.models.all()] == [True]


def test_a_database_that_is_a_link_to_nothing_is_refused_by_its_name(data, tmp_path):
    """Its disk may not be mounted: a new one must not be begun, nor made there."""
    lose(data / DATABASE)
    (data / DATABASE).symlink_to(tmp_path / "disk" / DATABASE)
    (tmp_path / "disk").mkdir()
    for use in (lambda: opened(data).__enter__(), lambda: adopt(data)):
        with pytest.raises(
            DataFolderError, match=r"engine\.sqlite3 is a link to .*disk.*, which is missing\. Put that"
        ):
            use()
    assert list((tmp_path / "disk").iterdir()) == []


def test_a_file_in_the_way_is_named(data):
    shutil.rmtree(data / "batches")
    (data / "batches").write_text("x")
    with pytest.raises(DataFolderError, match=r"cannot be used: .*batches: File exists"), opened(data):
        pass


def test_a_backup_with_the_database_of_another_folder_is_not_made(data, tmp_path):
    with opened(tmp_path / "other"):
        pass
    shutil.copy(tmp_path / "other" / DATABASE, data / DATABASE)
    with pytest.raises(DataFolderError, match="the database of another data folder"):
        back_up(data, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_folder_of_somebody_else_is_left_as_it_is(tmp_path):
    folder = tmp_path / "Documents"
    for place in (
        "files/letter.txt",
        "files/file-notes",
        "models/car/wheel",
        "fine-tunes/piano.mp3",
        "batches/.a.part",
        "lock",
    ):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text("mine")
    before = contents(folder)
    with pytest.raises(DataFolderError, match="is not the data folder of an engine: there is nothing to take in"):
        adopt(folder)
    assert contents(folder) == before
    with opened(folder):
        pass
    assert contents(folder).items() >= before.items()
    assert (folder / "lock").read_text() == "mine"


def test_rows_without_their_files_are_kept_until_the_files_are_back(data, tmp_path, caplog):
    with opened(data) as store:
        before = listed(store)
    shutil.move(data / "files", tmp_path / "files")
    shutil.move(data / "models", tmp_path / "models")
    with opened(data) as store:
        lost = before["files"][0][0]
        assert store.files.all() == []
        assert (store.files.get(lost), store.files.open(lost)) == (None, None)
        assert f"lists 2 uploads that the folder {data / 'files'} does not have" in caplog.text
        assert f"lists 1 fine-tuned model that the folder {data / 'models'} does not have" in caplog.text
    for name in ("files", "models"):
        shutil.rmtree(data / name)
        shutil.move(tmp_path / name, data / name)
    with opened(data) as store:
        assert listed(store) == before
        assert store.files.delete(lost)
    assert not (data / "files" / lost).exists()


def test_what_is_unfinished_by_its_name_or_by_the_database_is_finished(data):
    first, second = uploads(data)
    new = data / "files" / ("file-" + "1" * 24)
    for path in (new.with_name(f"{new.name}.part"), new.with_name(f"{new.name}.json")):
        path.write_text("{}")
    (data / "files" / first).rename(data / "files" / f"{first}.part")  # killed between its row and its name
    with closing(sqlite3.connect(data / DATABASE, isolation_level=None)) as connection:
        connection.execute("DELETE FROM files WHERE id = ?", (second,))  # killed between its row and its file
        for path in (f"files/{second}", "../victim", "batches/out.json"):
            connection.execute("INSERT INTO removals VALUES (?)", (path,))
    (data.parent / "victim").write_text("mine")
    waiting = next((data / "fine-tunes").iterdir())
    waiting.rename(waiting.with_name(f"{waiting.name}.part"))
    (data / "fine-tunes" / ("ft-" + "1" * 20 + ".part")).mkdir()
    with opened(data) as store:
        assert [file.id for file in store.files.all()] == [first]
        assert store.unlisted == ()
    assert {path.name for path in (data / "files").iterdir()} == {first, f"{first}.json"}
    assert [path.name for path in (data / "fine-tunes").iterdir()] == [waiting.name]
    assert (data.parent / "victim").exists()
    assert (data / "batches" / "out.json").exists()


KILLED = """
import os, sys
from pathlib import Path
from llmengine_integrations.engine.store import adopt, files
kept = files.FileStore.adopt
def adopt_and_die(self, path):
    kept(self, path)
    os.kill(os.getpid(), 9)
files.FileStore.adopt = adopt_and_die
adopt(Path(sys.argv[1]))
"""


def test_an_adoption_that_is_killed_is_gone_on_with(data):
    with opened(data) as store:
        before = listed(store)
    lose(data / DATABASE)
    for left in (2, 1):
        assert subprocess.run([sys.executable, "-c", KILLED, data], check=False).returncode == -9  # noqa: S603 - our own code
        with opened(data) as store:
            assert len(store.unlisted) == left
    adopt(data)
    with opened(data) as store:
        assert listed(store) == before


def test_python_gets_the_same_sentence_as_an_exception(data):
    lose(data / DATABASE)
    with pytest.raises(DataFolderError) as expected, opened(data):
        pytest.fail("opened")
    with pytest.raises(EngineStartError) as caught:
        EmbeddedEngine(data=data).start()
    assert type(caught.value) is DataFolderError
    assert str(caught.value) == str(expected.value)


def test_steps_of_the_tables_are_only_added():
    """The schema of each version stays what it was, so that a database can be checked against it."""
    assert [len(database.expected_schema(version)) for version in range(1, database.VERSION + 1)] == [1, 3, 7, 9]
