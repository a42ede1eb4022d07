"""Files over HTTP, and through the client."""

from __future__ import annotations

import errno
import json
from types import SimpleNamespace

import httpx
import pytest
from pydantic import SecretStr

from llmengine_integrations import Client
from llmengine_integrations.engine.config import EngineConfig
from llmengine_integrations.engine.store import files
from llmengine_integrations.errors import AuthenticationError, NotFoundError, ServerError

from .fakes import FakeBatch, fake_lane, running

pytestmark = pytest.mark.engine

FILES = "/v1/files"
LIMIT = 3_000_000
TEXT = 'prompt,response\n"quoted \\ text",wörld 🌍\r\n\t\x00\x7f\u2028end'
MISSING = {"detail": [{"type": "missing", "loc": ["body", "file"], "msg": "Field required", "input": None}]}
BIG = 64 * 2**20


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def url(data):
    config = EngineConfig(port=0, data=data, api_key=SecretStr("key"), max_upload_size=LIMIT)
    with running(config, lambda: {"llmengine-tiny": fake_lane(FakeBatch())}) as (url, _):
        yield url


@pytest.fixture
def http(url):
    with httpx.Client(base_url=url, auth=("key", ""), timeout=30) as http:
        yield http


@pytest.fixture
def client(url):
    with Client(base_url=url, api_key="key", max_retries=0) as client:
        yield client


def upload(http: httpx.Client, content: bytes | str = TEXT, name: str = "a.csv") -> httpx.Response:
    return http.post(FILES, files={"file": (name, content if isinstance(content, bytes) else content.encode())})


def form(*parts: str, end: str = "--b--\r\n") -> dict[str, object]:
    """A body of the parts, each its headers and its content, written out."""
    body = "".join(f"--b\r\nContent-Disposition: form-data; {part}\r\n" for part in parts) + end
    return {"content": body.encode(), "headers": {"content-type": "multipart/form-data; boundary=b"}}


def on_disk(data) -> int:
    return sum(path.stat().st_size for path in (data / "files").iterdir())


def test_a_files_life(http):
    size = len(TEXT.encode())
    before = http.get(FILES).json()["files"]
    file_id = upload(http).json()["id"]
    assert file_id.startswith("file-")
    assert int(file_id.removeprefix("file-"), 16) > 0
    file = {"id": file_id, "filename": "a.csv", "size": size}
    assert http.get(f"{FILES}/{file_id}").json() == file
    assert http.get(FILES).json() == {"files": [*before, file]}
    content = http.get(f"{FILES}/{file_id}/content")
    assert content.headers["content-type"] == "application/json"
    assert content.json() == {"id": file_id, "content": TEXT}
    assert "ö".encode() in content.content
    assert http.delete(f"{FILES}/{file_id}").json() == {"deleted": True}
    assert http.delete(f"{FILES}/{file_id}").json() == {"deleted": False}
    for path in (file_id, f"{file_id}/content"):
        reply = http.get(f"{FILES}/{path}")
        assert (reply.status_code, reply.json()) == (404, {"detail": "The specified file could not be found."})
    assert http.get(FILES).json() == {"files": before}


def test_the_client_drives_it(client, tmp_path):
    path = tmp_path / "train.csv"
    path.write_bytes(TEXT.encode())
    by_path, by_bytes = client.files.upload(path), client.files.upload(b"", filename="empty.csv")
    assert client.files.get(by_path.id).filename == "train.csv"
    assert [file.id for file in client.files.list()][-2:] == [by_path.id, by_bytes.id]
    assert client.files.content(by_path.id).content == TEXT
    assert client.files.content(by_bytes.id).content == ""
    saved = client.files.download(by_path.id, f"{tmp_path}/saved/")
    assert (saved.name, saved.read_bytes()) == ("train.csv", TEXT.encode())
    assert client.files.delete(by_path.id).deleted
    with pytest.raises(NotFoundError):
        client.files.delete(by_path.id)
    with pytest.raises(NotFoundError):
        client.files.content(by_path.id)
    with pytest.raises(ServerError):
        client.files.upload(b"\xff\xfe", filename="x.csv")


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "a b;c=d.csv",
        "Übung 日本 🌍.csv",
        "..",
        "file-nope",
        "%22.csv",
        "",
        "x" * 3000,
    ],
)
def test_names_are_kept_and_are_no_paths(url, data, name):
    with httpx.Client(base_url=url, auth=("key", "")) as http:
        before = {path.name for path in data.rglob("*")}
        reply = http.post(FILES, **form(f'name="file"; filename="{name}"\r\n\r\ntext'))
        file_id = reply.json()["id"]
        assert http.get(f"{FILES}/{file_id}").json()["filename"] == name
        assert {path.name for path in data.rglob("*")} - before == {file_id, f"{file_id}.json"}


@pytest.mark.parametrize("file_id", ["..%2F..%2Fengine.sqlite3", "..", "%00", "' OR 1=1 --", "file-%", "ü"])
def test_ids_are_no_paths(http, file_id):
    assert http.get(f"{FILES}/x/../{file_id}/content").status_code == 404
    assert http.get(f"{FILES}/{file_id}").status_code in {200 if file_id == ".." else 404, 404}


@pytest.mark.parametrize(
    "request_body",
    [
        {},
        {"json": {"file": "x"}},
        {"data": {"file": "x"}},
        form('name="upload"; filename="x.csv"\r\n\r\nx'),
        form('name="file"; filename="x.csv"\r\n\r\nhalf a file', end=""),
        form(),
    ],
)
def test_a_form_without_a_file(http, data, request_body):
    before = on_disk(data)
    reply = http.post(FILES, **request_body)
    assert (reply.status_code, reply.json()) == (422, MISSING)
    assert on_disk(data) == before


def test_a_field_that_is_no_file(http):
    reply = http.post(FILES, **form('name="file"\r\n\r\ntext'))
    item = {"type": "value_error", "loc": ["body", "file"], "input": "text", "ctx": {"error": {}}}
    message = {"msg": "Value error, Expected UploadFile, received: <class 'str'>"}
    assert (reply.status_code, reply.json()) == (422, {"detail": [item | message]})


def test_the_last_file_of_several_counts(http, data):
    before = set((data / "files").iterdir())
    parts = [f'name="file"; filename="{name}"\r\n\r\n{name}' for name in ("one", "two")]
    reply = http.post(FILES, **form(parts[0], 'name="purpose"\r\n\r\nfine-tune', parts[1]))
    assert http.get(f"{FILES}/{reply.json()['id']}").json()["filename"] == "two"
    file_id = reply.json()["id"]
    assert {path.name for path in set((data / "files").iterdir()) - before} == {file_id, f"{file_id}.json"}


@pytest.mark.parametrize(
    ("content", "content_type", "detail"),
    [
        (b"", "multipart/form-data", "Missing boundary in multipart."),
        (b"", "multipart/form-data; boundary=" + "b" * 300, "Invalid multipart data."),
        (b"no form", "multipart/form-data; boundary=b", "Invalid multipart data."),
        (
            b"--b\r\nContent-Type: text/csv\r\n\r\nx\r\n--b--\r\n",
            "multipart/form-data; boundary=b",
            'The Content-Disposition header field "name" must be provided.',
        ),
        (
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + b"x" * 2**21,
            "multipart/form-data; boundary=b",
            "Part exceeded maximum size of 1024KB.",
        ),
    ],
)
def test_a_body_that_is_no_form(http, content, content_type, detail):
    reply = http.post(FILES, content=content, headers={"content-type": content_type})
    assert (reply.status_code, reply.json()) == (400, {"detail": detail})


@pytest.mark.parametrize(
    "bad", [b"\xff\xfe\x00", b"caf\xe9", "é".encode()[:1], b"a" * 2_000_000 + b"\xff" + b"a" * 500_000]
)
def test_what_is_not_utf8_is_refused_and_logged(http, data, bad, caplog):
    before = on_disk(data)
    reply = upload(http, bad, "latin.csv")
    assert reply.status_code == 500
    assert list(reply.json()) == ["error", "timestamp", "request_id"]
    assert on_disk(data) == before
    assert [record.levelname for record in caplog.records if "'latin.csv' is not UTF-8" in record.message] == [
        "WARNING"
    ]


def test_characters_cut_by_the_pieces_stay_whole(http):
    content = "x" + "é🌍" * 400_000
    file_id = upload(http, content).json()["id"]
    assert http.get(f"{FILES}/{file_id}/content").json()["content"] == content


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("excess", [1, 2_000_000])
def test_a_file_past_the_limit(http, data, announced, excess):
    before = on_disk(data)
    body = form('name="file"; filename="x"\r\n\r\n' + "x" * (LIMIT + excess))
    if not announced:
        body["content"] = iter([body["content"]])
    reply = http.post(FILES, **body)
    assert reply.status_code == 413
    assert reply.json() == {"detail": f"The file is larger than {LIMIT} bytes, the most that this engine takes."}
    assert on_disk(data) == before
    assert http.get(FILES).status_code == 200


@pytest.mark.parametrize("announced", [True, False])
def test_a_disk_that_is_nearly_full(http, data, announced, monkeypatch):
    """Something is left for the database and for what batches and fine-tunes write."""
    before = on_disk(data)
    body = form('name="file"; filename="x"\r\n\r\n' + "x" * 2_000_000 + "\r\n")
    raw = body["content"]
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: SimpleNamespace(free=files._RESERVE + 500_000))
    reply = http.post(FILES, **body | {"content": raw if announced else iter([raw])})
    assert (reply.status_code, reply.json()) == (507, {"detail": "There is no room left on the engine's disk."})
    assert on_disk(data) == before
    assert upload(http).status_code == 200


def test_a_disk_that_is_full(http, data, monkeypatch):
    def full(*_) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = on_disk(data)
    monkeypatch.setattr(files.os, "fsync", full)
    assert upload(http).status_code == 507
    assert on_disk(data) == before


def test_a_file_of_exactly_the_limit(http):
    file_id = upload(http, b"x" * LIMIT).json()["id"]
    assert http.delete(f"{FILES}/{file_id}").json() == {"deleted": True}


@pytest.mark.parametrize("user", ["wrong", ""])
def test_a_wrong_key_reaches_nothing(url, data, user):
    before = on_disk(data)
    with httpx.Client(base_url=url, auth=(user, "")) as http:
        kept = httpx.get(f"{url}{FILES}", auth=("key", "")).json()
        replies = [upload(http), http.get(FILES), http.get(f"{FILES}/file-1"), http.delete(f"{FILES}/file-1")]
        replies.append(http.get(f"{FILES}/file-1/content"))
        replies.append(http.post(FILES, content=b"no form", headers={"content-type": "multipart/form-data"}))
    assert {reply.status_code for reply in replies} == {401}
    assert httpx.get(f"{url}{FILES}", auth=("key", "")).json() == kept
    assert on_disk(data) == before
    with Client(base_url=url, api_key="wrong") as client, pytest.raises(AuthenticationError):
        client.files.upload(b"x" * 2_000_000, filename="x")


def test_a_file_deleted_while_it_is_read(http):
    file_id = upload(http, b"x" * LIMIT).json()["id"]
    with http.stream("GET", f"{FILES}/{file_id}/content") as reply:
        chunks = reply.iter_bytes()
        first = next(chunks)
        assert http.delete(f"{FILES}/{file_id}").json() == {"deleted": True}
        assert json.loads(first + b"".join(chunks))["content"] == "x" * LIMIT
