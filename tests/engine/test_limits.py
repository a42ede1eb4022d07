"""Requests that would take an engine's time, memory or disk from everybody else: refused in words, and soon."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr

from llmengine_integrations.engine.config import EngineConfig
from llmengine_integrations.engine.dialect.errors import RefusedError
from llmengine_integrations.engine.dialect.json_text import has_more_values
from llmengine_integrations.engine.http import connection_limits as request_heads
from llmengine_integrations.engine.http import request_bodies as requests
from llmengine_integrations.engine.http.routes.files import FileRoutes
from llmengine_integrations.engine.tuning.training_files import TrainingFiles

from .fakes import FakeBatch, eventually, fake_lane, running

MODEL = "llmengine-tiny"
SYNC = f"/v1/llm/completions-sync?model_endpoint_name={MODEL}"
TEXT, CHAT = "/v2/completions", "/v2/chat/completions"
PROMPT = {"prompt": "a", "max_new_tokens": 1, "temperature": 0}
KEY = ("key", "")


@pytest.fixture(scope="module")
def server():
    config = EngineConfig(port=0, api_key=SecretStr("key"))
    with running(config, lambda: {MODEL: fake_lane(FakeBatch())}) as (url, server):
        yield url, server


@pytest.fixture(scope="module")
def http(server):
    with httpx.Client(base_url=server[0], timeout=30, auth=KEY) as http:
        yield http


def refusal(http, path, body, status=400):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = http.post(path, content=content, headers={"content-type": "application/json"})
    assert reply.status_code == status, reply.text[:300]
    return reply.json()["detail"]


def wide(count):
    return {"type": "object", "properties": {f"p{number}": {} for number in range(count)}}


CONSTRAINTS = {
    "guided_choice": [
        ([f"c{number}" for number in range(1900)], None),
        ([f"c{number}" for number in range(100_000)], "100000 choices"),
        (["a" * 100_001], "100001 characters"),
    ],
    "guided_regex": [("a" * 10_000, None), ("a" * 100_001, "100001 characters")],
    "guided_grammar": [('start: "a"' + " " * 90_000, None), ('start: "a"' + " " * 100_000, "characters")],
    "guided_json": [
        (wide(400), None),
        (wide(2001), "2000 properties"),
        ({"anyOf": [wide(700), {"type": "array", "items": wide(700)}, {"$defs": {"a": wide(700)}}]}, "2000 properties"),
        ({"enum": ["a" * 100_000]}, "characters"),
    ],
}


@pytest.mark.parametrize("field", CONSTRAINTS)
def test_a_constraint_that_would_take_long_is_refused(http, field):
    for value, why in CONSTRAINTS[field]:
        body = {"model": MODEL, "prompt": "a", "max_tokens": 0, "echo": True, field: value}
        reply = http.post(TEXT, json=body)
        if why is None:
            assert "this engine takes" not in reply.text
            assert reply.status_code in {200, 500}  # the fake model cannot follow a constraint
        else:
            assert reply.status_code == 400
            assert field in reply.json()["detail"]
            assert why in reply.json()["detail"]
            assert len(reply.json()["detail"]) < 300


def test_tools_count_together(http):
    tools = [{"type": "function", "function": {"name": f"f{number}", "parameters": wide(500)}} for number in range(5)]
    body = {"model": MODEL, "messages": [{"role": "user", "content": "a"}], "tool_choice": "required", "tools": tools}
    assert "2000 properties" in refusal(http, CHAT, body)


def test_a_schema_without_bottom(http):
    schema: dict = {}
    for _ in range(800):
        schema = {"items": schema}
    refusal(http, SYNC, PROMPT | {"guided_json": schema})


def test_stop_sequences(http):
    assert http.post(SYNC, json=PROMPT | {"stop_sequences": ["zz"] * 1000}).status_code == 200
    assert "1000" in refusal(http, SYNC, PROMPT | {"stop_sequences": ["zz"] * 1001})


@pytest.mark.parametrize("path", [SYNC, TEXT, CHAT, "/v2/batch-completions", "/v1/llm/fine-tunes"])
@pytest.mark.parametrize("filling", [b"[],", b"{},", b"1,", b'"",', b'"\\\\",', b"[[[]]],", b'["[,{"],'])
def test_a_body_of_countless_values(http, path, filling):
    """Parsing it would take many times its bytes, and checking it a minute."""
    body = b'{"prompt":[' + filling * 1_000_000 + b"1]}"
    assert "150000 values" in refusal(http, path, body, 413)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_values_are_not_hidden_by_an_encoding(http, encoding):
    """In UTF-16 half of a character looks like a quote, and what follows like a text."""
    body = '{"prompt": ["\u2200",' + "[]," * 200_000 + '"\u2200"]}'
    assert "not JSON in UTF-8" in refusal(http, SYNC, body.encode(encoding))


def test_a_body_of_countless_keys(http):
    bias = {str(number): 1 for number in range(150_001)}
    assert "values" in refusal(http, TEXT, {"model": MODEL, "prompt": "a", "logit_bias": bias}, 413)


def test_a_long_text_is_one_value(http):
    """Whatever is in it."""
    text = ',[{"\\' * 200_000
    assert http.post(SYNC, json=PROMPT | {"prompt": text}).json()["detail"].startswith("This model's maximum context")


@pytest.mark.parametrize(
    ("value", "count"),
    [([1] * 9, 9), ([[]] * 9, 18), ([1, "a,b", {"c,[": '"[{,'}], 4), ({"a": {"b": {"c": []}}}, 4), ([["\\"]], 2)],
)
def test_values_are_counted(value, count):
    raw = json.dumps(value).encode()
    assert has_more_values(raw, count - 1)
    assert not has_more_values(raw, count + 1)


def test_countless_errors_are_told_as_one(http):
    detail = refusal(http, CHAT, {"model": MODEL, "messages": [1] * 1001}, 422)
    assert [item["type"] for item in detail] == ["too_many_errors"]
    assert detail[0]["loc"] == ["body"]
    assert len(refusal(http, CHAT, {"model": MODEL, "messages": [1] * 5}, 422)) == 5


SLOW = {
    SYNC: ("application/json", b'{"prompt": "a", '),
    "/v1/files": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"',
    ),
    "/v2/batch-completions/a/actions/cancel": ("application/json", b"{"),
}


@pytest.mark.parametrize("path", SLOW)
def test_a_body_that_does_not_come(server, path, monkeypatch):
    """Each takes one of the places that there are for requests."""
    monkeypatch.setattr(requests, "_HEAD_START", 0.3)
    kind, begun = SLOW[path]
    with sending(server[0], path, kind) as connection:
        connection.sendall(begun)
        reply = connection.recv(4096).decode()
        assert reply.startswith("HTTP/1.1 408 ")
        assert "connection: close" in reply.lower()
        assert eventually(lambda: server[1].server_state.connections == set() or connection.recv(1) == b"")


def test_a_body_that_comes_steadily(server, monkeypatch):
    """Each byte buys time: a long body over a thin line is taken."""
    monkeypatch.setattr(requests, "_HEAD_START", 0.3)
    monkeypatch.setattr(requests, "_SLOWEST", 10.0)
    body = json.dumps(PROMPT).encode()
    with sending(server[0], SYNC, "application/json", len(body)) as connection:
        for start in range(0, len(body), 6):
            connection.sendall(body[start : start + 6])
            connection.settimeout(0.1)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.settimeout(20)
            if start + 12 >= len(body):
                connection.sendall(body[start + 6 :])
                break
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


@contextmanager
def sending(url, path, kind, length=1000):
    """A connection on which a request's head has been sent."""
    address = urlsplit(url)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic a2V5Og==\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(head.encode())
        yield connection


def connected(server):
    address = urlsplit(server[0])
    return socket.create_connection((address.hostname, address.port), timeout=20)


def test_a_head_without_end(server):
    """It comes before the key: whoever reaches the port could fill the memory."""
    with connected(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        with pytest.raises(OSError):  # noqa: PT011 - a reset, or a broken pipe
            connection.sendall(b"".join(b"x-%d: %s\r\n" % (number, b"y" * 16_000) for number in range(4000)))


def test_a_head_that_is_long(server, http):
    assert http.get("/healthz", headers={"x-a": "a" * 50_000}).status_code == 200
    assert http.get("/healthz").status_code == 200


def test_a_head_that_does_not_come(server, monkeypatch):
    monkeypatch.setattr(request_heads, "_PATIENCE", 0.2)
    for begun in (b"", b"GET /healthz HTTP/1.1\r\nHost: local"):
        with connected(server) as connection:
            connection.sendall(begun)
            assert connection.recv(100) == b""
    with connected(server) as connection:
        for _ in range(2):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
            connection.settimeout(0.4)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.settimeout(20)


def closed(connection) -> bool:
    """Whether the other side ends the connection; with a reset, where it did not read all that was sent."""
    try:
        while connection.recv(2**16):
            pass
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize("begun", [b"X-A: ", b"X-A: a\r\n"])
def test_what_follows_a_body_has_an_end(server, begun):
    """Trailers come before the key too, and uvicorn keeps them with the head."""
    with connected(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
        connection.sendall(begun)
        line = b"a" * 1000 if begun.endswith(b" ") else b"X-A: " + b"a" * 1000 + b"\r\n"
        with pytest.raises(OSError):  # noqa: PT011 - a reset, or a broken pipe
            connection.sendall(line * 64_000)


def test_a_body_in_chunks_may_be_longer_than_a_head(server):
    """What follows it opens no door."""
    body = json.dumps(PROMPT | {"x": "a" * 300_000}).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:200_000], body[200_000:]))
    with connected(server) as connection:
        head = f"POST {SYNC} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        for field, status in (("Authorization: Basic a2V5Og==\r\n", b"200"), ("", b"401")):
            connection.sendall((head + field + "\r\n").encode() + chunks)
            connection.sendall(b"0\r\nAuthorization: Basic a2V5Og==\r\n\r\n")
            assert connection.recv(2**16).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /"),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\r\n"),
        (b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n", b"a"),
    ],
)
def test_what_does_not_come_after_an_answer(server, first, more, monkeypatch):
    """A byte of the next request ends uvicorn's own patience for good."""
    monkeypatch.setattr(request_heads, "_PATIENCE", 0.2)
    with connected(server) as connection:
        connection.sendall(first)
        assert connection.recv(1000).startswith(b"HTTP/1.1 ")
        connection.sendall(more)
        assert closed(connection)


def test_a_refused_body_may_come_steadily(server, monkeypatch):
    """Many clients read the answer when they have sent all of it."""
    monkeypatch.setattr(request_heads, "_PATIENCE", 0.1)
    with connected(server) as connection:
        connection.sendall(b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(10):
            connection.sendall(b"a" * 10_000)
            connection.settimeout(0.05)
            with suppress(TimeoutError):
                assert connection.recv(1000).startswith(b"HTTP/1.1 401 ")
        connection.settimeout(20)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_slow_training_files_leave_threads_to_others(server, http, monkeypatch):
    """A server that sends a byte now and then keeps a thread for two minutes."""
    begun, release = [], threading.Event()

    def copy(*_: object, **__: object) -> int:
        begun.append(1)
        release.wait(30)
        raise RefusedError(400, "slow")

    monkeypatch.setattr(TrainingFiles, "copy", copy)
    body = {"model": MODEL, "training_file": "http://slow.example/", "hyperparameters": {}}
    with ThreadPoolExecutor(45) as pool:
        asked = [pool.submit(http.post, "/v1/llm/fine-tunes", json=body) for _ in range(45)]
        try:
            assert eventually(lambda: len(begun) == 8)
            with httpx.Client(base_url=server[0], timeout=10, auth=KEY) as other:
                assert other.get("/v1/files").status_code == 200
                assert other.get("/v1/llm/fine-tunes").status_code == 200
            assert len(begun) == 8
        finally:
            release.set()
        assert {reply.result().status_code for reply in asked} == {400}


@pytest.fixture
def files(server):
    """The store of the uploads."""
    owners = [getattr(route.endpoint, "__self__", None) for route in server[1]._engine.app.routes]
    return next(owner._files for owner in owners if isinstance(owner, FileRoutes))


@pytest.fixture
def full(files):
    """A database that cannot grow: what SQLite says then is what it says on a full disk."""
    connection = files._database._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (most,) = connection.execute("PRAGMA max_page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    yield files._database
    connection.execute(f"PRAGMA max_page_count = {most}")


BATCH = {"output_data_path": "o.json", "model_config": {"model": MODEL}}


def upload(http, name):
    return http.post("/v1/files", files={"file": (name, b"a,b\n")})


def test_a_full_disk_is_told_and_loses_nothing(http, full, files):
    kept = upload(http, "kept.csv")
    content = {"prompts": ["a" * 100_000], "max_new_tokens": 1, "temperature": 0}
    told = [http.post("/v2/batch-completions", json=BATCH | {"content": content})]
    told += [reply for number in range(60) if (reply := upload(http, f"{'n' * 200}{number}")).status_code != 200]
    assert len(told) > 1
    for reply in told:
        assert reply.status_code == 507
        assert "no room" in reply.json()["detail"]
    listed = http.get("/v1/files").json()["files"]
    assert kept.json()["id"] in [file["id"] for file in listed]
    names = {file["id"] for file in listed}
    assert {path.name for path in files._folder.iterdir()} == names | {
        f"{name}.json" for name in names
    }  # each with its record
    assert http.get(f"/v1/files/{kept.json()['id']}/content").json()["content"] == "a,b\n"
    full._connection.execute("PRAGMA max_page_count = 100000")
    assert upload(http, "after.csv").status_code == 200
    assert http.post("/v2/batch-completions", json=BATCH | {"content": content}).status_code == 200


def test_a_commit_that_fails_leaves_the_database_usable(files):
    """A full disk may be noticed only then; a transaction that stayed open would be every later one's end."""
    database = files._database

    def write():
        with database.transaction() as connection:
            connection.execute("PRAGMA defer_foreign_keys = ON")  # so that what is wrong is noticed by the commit
            connection.execute("INSERT INTO batch_rows (batch, place, output) VALUES (-1, 0, '')")

    with pytest.raises(sqlite3.IntegrityError):
        write()
    with database.transaction() as connection:
        # Of that batch alone: jobs of the tests before may have written theirs by now.
        assert connection.execute("SELECT count(*) FROM batch_rows WHERE batch = -1").fetchone() == (0,)
