"""What is kept, and what is left of it when an engine is killed."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from llmengine_integrations.engine.config import EngineConfigError
from llmengine_integrations.engine.store import FileTooLargeError, NotTextError, Store, open_store

from .bare_process import bare_engine, log_of

pytestmark = pytest.mark.engine

SIZE = 1000


@contextmanager
def opened(folder: Path | None) -> Iterator[Store]:
    with open_store(folder, max_file_size=SIZE) as store:
        yield store


def put(store: Store, content: bytes = b"text", name: str = "a.csv") -> str:
    incoming = store.files.receive(name)
    incoming.write(content)
    return incoming.keep().id


def on_disk(folder: Path) -> set[str]:
    """Uploads, each of which has its record."""
    names = {path.name for path in (folder / "files").iterdir()}
    records = {name for name in names if name.endswith(".json")}
    assert records <= {f"{name}.json" for name in names}
    return names - records


def test_files_are_kept_in_order_over_a_restart(tmp_path):
    data = tmp_path / "new" / "data"
    with opened(data) as store:
        ids = [put(store, f"text {number}".encode()) for number in range(5)]
        assert store.files.delete(ids[4])
        ids[4] = put(store, b"another")
    with opened(data) as store:
        assert [file.id for file in store.files.all()] == ids
        assert store.files.path(ids[1]).read_bytes() == b"text 1"
        assert on_disk(data) == set(ids)
    assert (data.stat().st_mode & 0o077) == 0


def test_without_a_folder_all_goes_with_the_store():
    with opened(None) as store:
        put(store)
        assert store.folder.exists()
    assert not store.folder.exists()


def test_a_commit_is_on_the_disk(tmp_path):
    with opened(tmp_path) as store:
        assert store.database.rows("PRAGMA journal_mode") == [("wal",)]
        assert store.database.rows("PRAGMA synchronous") == [(2,)]  # FULL


def test_a_second_store_on_the_folder_is_refused(tmp_path):
    with opened(tmp_path):
        with pytest.raises(EngineConfigError, match=r"in use by another engine: .* --data$"), opened(tmp_path):
            pytest.fail("two engines share a folder")
        assert (tmp_path / "engine.sqlite3").exists()
    with opened(tmp_path):
        pass


def test_what_is_not_kept_leaves_nothing(tmp_path):
    with opened(tmp_path) as store:
        refused = store.files.receive("a")
        with pytest.raises(FileTooLargeError):
            refused.write(b"x" * (SIZE + 1))
        refused.discard()
        cut = store.files.receive("b")
        cut.write("é".encode()[:1])
        with pytest.raises(NotTextError):
            cut.keep()
        cut.discard()
        assert store.files.all() == []
        assert on_disk(tmp_path) == set()


def test_exactly_the_limit_is_kept(tmp_path):
    with opened(tmp_path) as store:
        assert store.files.get(put(store, b"x" * SIZE)).size == SIZE


def test_a_file_without_its_row_is_none(tmp_path):
    with opened(tmp_path) as store:
        with store.database.transaction() as connection:
            connection.execute("CREATE TRIGGER no BEFORE INSERT ON files BEGIN SELECT RAISE(ABORT, 'no'); END")
        incoming = store.files.receive("a")
        with pytest.raises(sqlite3.Error):
            incoming.keep()
        incoming.discard()
        assert store.files.all() == []
        assert list((tmp_path / "files").iterdir()) == []


def test_the_tables_of_a_newer_version_are_left_alone(tmp_path):
    with opened(tmp_path) as store, store.database.transaction() as connection:
        connection.execute("PRAGMA user_version = 99")
    with (
        pytest.raises(EngineConfigError, match="a newer version of llmengine-integrations wrote its database"),
        opened(tmp_path),
    ):
        pytest.fail("opened")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: (folder / "engine.sqlite3").write_bytes(b"no database" * 100), "not a database"),
        (lambda folder: (folder / "files").write_text("a file"), "File exists"),
        (lambda folder: (folder / "engine.sqlite3").mkdir(), "engine.sqlite3 is not a file"),
        (lambda folder: (folder / "batches").write_text("a file"), "File exists"),
        (lambda folder: (folder / "batches").symlink_to("nowhere"), "File exists"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_line(tmp_path, spoil, reason):
    spoil(tmp_path)
    with pytest.raises(EngineConfigError) as caught, opened(tmp_path):
        pytest.fail("opened")
    assert str(caught.value).startswith(f"the data folder {tmp_path} cannot be used: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_transaction_that_fails_leaves_nothing(tmp_path):
    with opened(tmp_path) as store:
        twice = "INSERT INTO files VALUES (?, 'file-1', 'a', 1, 0)"
        with suppress(sqlite3.IntegrityError), store.database.transaction() as connection:
            connection.execute(twice, (1,))
            connection.execute(twice, (2,))
        assert store.files.all() == []


def test_many_threads_share_the_store(tmp_path):
    def one(number: int) -> str:
        kept = put(store, f"text {number}".encode())
        if number % 2:
            assert store.files.delete(kept)
            assert not store.files.delete(kept)
        return kept

    with opened(tmp_path) as store, ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(one, range(64)))
        assert {file.id for file in store.files.all()} == set(ids[::2])
        assert on_disk(tmp_path) == set(ids[::2])


class Ledger:
    """What an engine has acknowledged. Files are named by their content's hash, so that every one can be judged alone."""

    def __init__(self, seed: int) -> None:
        self.kept: set[str] = set()
        self.maybe_deleted: set[str] = set()
        self.deleted: set[str] = set()
        self._checked: set[str] = set()
        self._random = random.Random(seed)  # noqa: S311 - a test's choices
        self._turn = threading.Lock()

    def work(self, url: str) -> None:
        """Upload and delete until the engine is gone."""
        with httpx.Client(base_url=url, auth=("key", ""), timeout=10) as client:
            try:
                while True:
                    if self._random.random() < 0.3 and self.kept:
                        self._delete(client)
                    else:
                        self._upload(client)
            except httpx.TransportError:
                pass

    def _upload(self, client: httpx.Client) -> None:
        content = f"{self._random.random()} ü\n".encode() * self._random.choice([1, 100, 150_000])
        reply = client.post("/v1/files", files={"file": (hashlib.sha256(content).hexdigest(), content)})
        with self._turn:
            self.kept.add(reply.json()["id"])

    def _delete(self, client: httpx.Client) -> None:
        with self._turn:
            if not self.kept:
                return
            chosen = self.kept.pop()
            self.maybe_deleted.add(chosen)
        assert client.delete(f"/v1/files/{chosen}").json() == {"deleted": True}
        with self._turn:
            self.maybe_deleted.remove(chosen)
            self.deleted.add(chosen)

    def check(self, url: str, data: Path, *, everything: bool = False) -> None:
        """See that a new engine has all that was kept, nothing that was deleted, and no half of anything.

        Contents are read once, or again with `everything`.
        """
        with httpx.Client(base_url=url, auth=("key", ""), timeout=10) as client:
            listed = {file["id"]: file for file in client.get("/v1/files").json()["files"]}
            assert self.kept <= set(listed)
            assert not self.deleted & set(listed)
            assert on_disk(data) == set(listed)
            for file_id in listed.keys() - (set() if everything else self._checked):
                file = listed[file_id]
                content = client.get(f"/v1/files/{file_id}/content").json()["content"].encode()
                assert len(content) == file["size"]
                assert hashlib.sha256(content).hexdigest() == file["filename"]
            self.kept, self.maybe_deleted, self._checked = set(listed), set(), set(listed)


@pytest.mark.parametrize("kills", [6, pytest.param(50, marks=[pytest.mark.soak, pytest.mark.timeout(600)])])
def test_a_killed_engine_loses_nothing_that_it_acknowledged(tmp_path, kills):
    ledger, wait = Ledger(kills), random.Random(kills)  # noqa: S311 - as above
    for _ in range(kills):
        with bare_engine(tmp_path) as (process, url), ThreadPoolExecutor(3) as pool:
            ledger.check(url, tmp_path)
            working = [pool.submit(ledger.work, url) for _ in range(3)]
            time.sleep(wait.uniform(0.05, 0.5))
            process.kill()
            for worker in working:
                worker.result()
    with bare_engine(tmp_path) as (_, url):
        ledger.check(url, tmp_path, everything=True)
    assert ledger.kept
    assert ledger.deleted
    assert "database does not list" not in log_of(tmp_path).read_text()
