"""Files that are large, many, cut off, or there after a restart."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from llmengine_integrations import Client
from llmengine_integrations.engine import EmbeddedEngine, EngineStartError

from .bare_process import bare_engine, log_of
from .fakes import eventually

pytestmark = pytest.mark.engine

FILES = "/v1/files"
BIG = 64 * 2**20
FORM = {"content-type": "multipart/form-data; boundary=b"}
HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def process(data):
    with bare_engine(data) as (process, url):
        process.url = url
        yield process


@pytest.fixture
def client(process):
    with Client(base_url=process.url, api_key="key", max_retries=0) as client:
        yield client


def test_an_upload_that_is_cut_off_leaves_nothing(process, data):
    address = urlsplit(process.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = f"POST {FILES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\nContent-Length: 2500000\r\n"
        head += f"Content-Type: {FORM['content-type']}\r\n\r\n"
        connection.sendall(head.encode() + HEAD + b"x" * 2_200_000)
        assert eventually(lambda: list((data / "files").iterdir()))
    assert eventually(lambda: not list((data / "files").iterdir()))
    assert httpx.get(process.url + FILES, auth=("key", "")).json() == {"files": []}
    assert log_of(data).read_text() == ""


def test_many_at_once(client):
    def one(number: int) -> str:
        content = f"{number} é".encode() * 50_000
        file_id = client.files.upload(content, filename=f"{number}.csv").id
        assert client.files.content(file_id).content.encode() == content
        if number % 2:
            assert client.files.delete(file_id).deleted
        return file_id

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(one, range(24)))
    assert len(set(ids)) == 24
    assert {file.id for file in client.files.list()} & set(ids) == set(ids[::2])


def test_an_upload_that_stalls_holds_nobody_up(process, client):
    def stalling():
        yield HEAD + b"slow"
        released.wait(20)
        yield b"\r\n--b--\r\n"

    released = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(
            httpx.post, process.url + FILES, content=stalling(), headers=FORM, auth=("key", ""), timeout=30
        )
        try:
            assert client.files.delete(client.files.upload(b"quick", filename="x").id).deleted
            assert not slow.done()
        finally:
            released.set()
        assert client.files.content(slow.result().json()["id"]).content == "slow"


class Peak:
    """The most memory that a process had while a block ran, beyond what it had before."""

    def __init__(self, pid: int) -> None:
        self._process, self._done = psutil.Process(pid), threading.Event()
        self.grown = 0

    def __enter__(self):
        self._before = self._process.memory_info().rss
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self.grown = max(self.grown, self._process.memory_info().rss - self._before)


def test_a_large_file_takes_little_memory(process, client, tmp_path):
    path = tmp_path / "large.csv"
    path.write_bytes("prompt, réponse\n".encode() * (BIG // 17) + b"end")
    client.files.upload(b"warm", filename="x")
    with Peak(process.pid) as peak:
        file_id = client.files.upload(path).id
        saved = client.files.download(file_id, tmp_path / "saved.csv")
    assert saved.read_bytes() == path.read_bytes()
    assert 0 < peak.grown < 16 * 2**20


def test_a_reader_that_goes_away_keeps_no_file_open(process, client, data):
    file_id = client.files.upload(b"x" * BIG, filename="large").id
    with httpx.stream("GET", f"{process.url}{FILES}/{file_id}/content", auth=("key", "")) as reply:
        next(reply.iter_bytes())
    engine = psutil.Process(process.pid)
    assert eventually(lambda: not any("file-" in file.path for file in engine.open_files()))
    assert client.files.get(file_id).size == BIG
    assert log_of(data).read_text() == ""


def test_files_are_there_after_a_restart_and_a_second_engine_is_refused(data):
    with EmbeddedEngine(data=data) as engine:
        with Client(base_url=engine.base_url, api_key=engine.api_key) as client:
            file_id = client.files.upload("é".encode(), filename="a.csv").id
        with pytest.raises(EngineStartError, match=r"^the data folder .* is in use by another engine"):
            EmbeddedEngine(data=data).start()
    with EmbeddedEngine(data=data) as engine, Client(base_url=engine.base_url, api_key=engine.api_key) as client:
        assert client.files.content(file_id).content == "é"
