"""Files on their way to the server: as one form, in constant memory, once."""

from __future__ import annotations

import asyncio
import io
import socket
import subprocess
import sys
import textwrap
import threading
from contextlib import suppress
from email import message_from_bytes

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core._api import EVERY, Api
from core._server import RESET, reply
from llmengine_integrations.core.uploads.multipart import Multipart, quoted
from llmengine_integrations.core.uploads.source import CHUNK, open_source
from llmengine_integrations.errors import APIConnectionError, InvalidArgumentError, LLMEngineError, ServerError

DONE = reply(200, {"id": "file-1"})
TEXT = "prompt,response\nhello,wörld\n"
BIG = b"0123456789abcdef" * (3 * CHUNK // 16)


def form(request):
    """The one part of a form: its name, its file name and its bytes."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    (part,) = message_from_bytes(head + request.body).get_payload()
    return part.get_param("name", header="content-disposition"), part.get_filename(), part.get_payload(decode=True)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(TEXT, "utf-8")
    return path


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("content", [b"", TEXT.encode(), BIG], ids=["empty", "small", "big"])
async def test_a_path(api, server, path, content):
    path.write_bytes(content)
    server.then(DONE)
    uploaded = await api.call("files.upload", path)
    assert uploaded.id == "file-1"
    (request,) = server.received
    assert (request.method, request.target) == ("POST", "/v1/files")
    assert form(request) == ("file", "train.csv", content)
    assert int(request.headers["content-length"]) == len(request.body)
    assert "transfer-encoding" not in request.headers


@pytest.mark.parametrize(
    ("make", "filename", "content"),
    [
        (str, "train.csv", TEXT.encode()),
        (lambda path: path.open("rb"), "train.csv", TEXT.encode()),
        (lambda path: path.open(encoding="utf-8"), "train.csv", TEXT.encode()),
        (lambda path: io.StringIO(TEXT), None, TEXT.encode()),
        (lambda path: io.BytesIO(b"\xff\x00"), None, b"\xff\x00"),
        (lambda path: b"\xff\x00", None, b"\xff\x00"),
        (lambda path: bytearray(BIG), None, BIG),
        (lambda path: memoryview(BIG)[1:-1], None, BIG[1:-1]),
    ],
    ids=["str", "binary", "text", "StringIO", "BytesIO", "bytes", "bytearray", "memoryview"],
)
async def test_other_sources(api, server, path, make, filename, content):
    source = make(path)
    server.then(DONE)
    await api.call("files.upload", source)
    name, sent_as, sent = form(server.received[0])
    assert (name, sent) == ("file", content)
    assert sent_as == filename or (filename is None and sent_as.startswith("upload-"))
    if hasattr(source, "closed"):
        assert not source.closed
        source.close()


async def test_bytes_never_overwrite_each_other(api, server):
    """Deployments that store files in S3 use the name as the id."""
    server.always(DONE)
    await api.call("files.upload", b"x")
    await api.call("files.upload", b"x")
    assert len({form(request)[1] for request in server.received}) == 2


async def test_a_file_is_sent_from_where_it_stands(api, server, path):
    server.always(DONE)
    with path.open("rb") as binary, path.open(encoding="utf-8") as text:
        for file in (binary, text):
            file.readline()
            await api.call("files.upload", file)
            assert form(server.received[-1])[2] == "hello,wörld\n".encode()
            with pytest.raises(InvalidArgumentError, match=r"seek\(0\)"):
                await api.call("files.upload", file)
    assert len(server.received) == 2


async def test_text_of_another_encoding_is_sent_as_utf8(api, path):
    path.write_text(TEXT, "latin-1")
    with path.open(encoding="latin-1") as file, _Sink() as sink:
        api = Api(api_kind(api), sink.url)
        await api.call("files.upload", file)
        await api.close()
    assert TEXT.encode() in sink.body


@pytest.mark.parametrize("kind", EVERY)
async def test_a_pipe_has_no_length(kind):
    """A file that says nothing about its size goes out in chunks."""

    class Pipe(io.RawIOBase):
        def __init__(self):
            self.left = [b"ab", BIG]

        def readable(self):
            return True

        def read(self, count=-1):
            return self.left.pop(0) if self.left else b""

    with _Sink() as sink:
        api = Api(kind, sink.url)
        assert (await api.call("files.upload", Pipe(), filename="p")).id == "file-1"
        await api.close()
    assert b"ab" + BIG in sink.body
    assert "transfer-encoding: chunked" in sink.head.lower()


@pytest.mark.parametrize("source", [7, None, object(), ["a"]])
async def test_what_is_no_file(api, server, source):
    with pytest.raises(InvalidArgumentError, match="A file is a path"):
        await api.call("files.upload", source)
    assert not server.received


async def test_a_path_that_is_not_there(api, tmp_path):
    with pytest.raises(FileNotFoundError):
        await api.call("files.upload", tmp_path / "none.csv")


@pytest.mark.parametrize("content", [TEXT.encode(), BIG], ids=["small", "big"])
async def test_it_is_sent_once(api, server, path, content):
    """Failure 23 of upstream's client left open what may be sent twice."""
    path.write_bytes(content)
    server.then(RESET)
    with pytest.raises(APIConnectionError):
        await api.call("files.upload", path)
    server.then(reply(503, {"detail": "later"}))
    with pytest.raises(ServerError):
        await api.call("files.upload", path)
    assert len(server.received) == 2


async def test_what_was_never_sent_is_tried_again(connect, refusing_url, path, naps):
    api = connect(refusing_url, max_retries=2)
    seen = []
    with path.open("rb") as file, pytest.raises(APIConnectionError) as caught:
        await api.call("files.upload", file, on_progress=lambda *seeing: seen.append(seeing))
    assert not caught.value.sent
    assert len(naps) == 2


@pytest.mark.parametrize("kind", EVERY)
async def test_progress(api, server, path):
    path.write_bytes(BIG)
    server.then(DONE)
    seen = []
    await api.call("files.upload", path, on_progress=lambda *seeing: seen.append(seeing))
    assert seen == [(CHUNK, len(BIG)), (2 * CHUNK, len(BIG)), (3 * CHUNK, len(BIG))]


@pytest.mark.parametrize("kind", EVERY)
async def test_an_error_of_the_progress_comes_out_as_it_is(kind, path):
    path.write_bytes(BIG)

    def stop(*_):
        raise ZeroDivisionError

    with _Sink() as sink:
        api = Api(kind, sink.url)
        with pytest.raises(ZeroDivisionError):
            await api.call("files.upload", path, on_progress=stop)
        await api.close()


@pytest.mark.parametrize("kind", EVERY)
async def test_a_file_that_shrinks_is_an_error_and_no_hang(kind, path):
    path.write_bytes(BIG)

    def truncate(*_):
        path.write_bytes(b"")

    with _Sink() as sink:
        api = Api(kind, sink.url)
        with pytest.raises(LLMEngineError, match="shorter"):
            await api.call("files.upload", path, on_progress=truncate)
        await api.close()
    assert sink.count < len(BIG)


async def test_a_file_that_grows_is_sent_as_it_was(api, server, path):
    path.write_bytes(BIG[:-100])

    def append(*_):
        with path.open("ab") as file:
            file.write(b"more")

    server.then(DONE)
    await api.call("files.upload", path, on_progress=append)
    assert form(server.received[0])[2] == BIG[:-100]


@pytest.mark.parametrize("kind", EVERY)
async def test_an_answer_before_the_end(kind, path):
    """A server that refuses at once and closes: its answer counts, not the broken pipe."""
    path.write_bytes(BIG * 20)
    with _Sink(early=reply(413, {"detail": "too big"})) as sink:
        api = Api(kind, sink.url)
        with pytest.raises(LLMEngineError) as caught:
            await api.call("files.upload", path, timeout=5)
        await api.close()
    assert caught.value.status_code == 413 or isinstance(caught.value, APIConnectionError)


async def test_the_file_is_closed_when_it_fails(api, server, path):
    """ResourceWarnings are errors here."""
    server.then(reply(500, {"detail": "no"}))
    with pytest.raises(ServerError):
        await api.call("files.upload", path)


async def test_cancelling(path):
    path.write_bytes(BIG * 40)
    begun = asyncio.Event()
    with _Sink() as sink:
        api = Api("async", sink.url)
        task = asyncio.create_task(api.call("files.upload", path, on_progress=lambda *_: begun.set()))
        await asyncio.wait_for(begun.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await api.close()
    assert sink.count < path.stat().st_size


async def test_a_user_client_with_its_own_limits(server, path):
    seen = []
    given = httpx.Client(event_hooks={"request": [lambda request: seen.append(request.headers["content-length"])]})
    api = Api("sync-httpx", server.url, http_client=given)
    path.write_bytes(BIG)
    server.then(DONE)
    await api.call("files.upload", path)
    assert seen == [str(len(server.received[0].body))]
    await api.close()


# The form itself.


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("train.csv", "train.csv"),
        ('a"b', "a%22b"),
        ("a\r\nX-Evil: 1", "a%0D%0AX-Evil: 1"),
        ("a\\", "a%5C"),
        ("tab\t\0", "tab%09%00"),
        ("東京 café.csv", "東京 café.csv"),
        ("lone\udcff", "lone?"),
    ],
)
def test_file_names_are_quoted(name, safe):
    assert quoted(name) == safe


@given(st.text(min_size=1), st.binary(max_size=200))
def test_any_name_and_content_make_one_part(name, content):
    body = b"".join(Multipart(open_source(content, name)).chunks())
    head, _, rest = body.partition(b"\r\n\r\n")
    assert head.count(b"\r\n") == 2
    assert head.split(b"\r\n")[1].endswith(f'name="file"; filename="{quoted(name)}"'.encode())
    boundary = head.split(b"\r\n")[0]
    assert rest == content + b"\r\n" + boundary + b"--\r\n"


def test_a_form_can_be_made_again():
    with io.BytesIO(b"xx" + BIG) as file:
        file.seek(2)
        made = Multipart(open_source(file))
        assert b"".join(made.chunks()) == b"".join(made.chunks())
        assert made.length == len(b"".join(made.chunks()))


def test_nothing_of_the_file_shows_in_repr():
    assert "secret" not in repr(Multipart(open_source(b"secret")))


# Memory.

_MEASURE = textwrap.dedent("""
    import asyncio, resource, sys
    import aiohttp, httpx
    from llmengine_integrations import AsyncClient, Client
    kind, url, path = sys.argv[1:]
    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
    async def awaited():
        async with AsyncClient(url, "k") as client:
            await client.files.upload(path)
    def blocking():
        with Client(url, "k") as client:
            client.files.upload(path)
    before = peak()
    asyncio.run(awaited()) if kind == "async" else blocking()
    print(peak() - before)
""")


@pytest.mark.skipif(sys.platform == "win32", reason="needs getrusage")
@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("megabytes", [64, pytest.param(500, marks=pytest.mark.slow)])
def test_memory_stays_as_it_was(kind, megabytes, tmp_path):
    path = tmp_path / "big.csv"
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(b"prompt,response\n" * 65536)
    with _Sink(keep=False) as sink:
        command = [sys.executable, "-c", _MEASURE, kind, sink.url, str(path)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)  # noqa: S603 - our own
    assert sink.count > megabytes * 1024 * 1024
    assert int(ended.stdout) < 20 * 1024, "KiB above the start"


class _Sink:
    """Takes one request of any framing, and keeps its bytes (or counts them)."""

    def __init__(self, *, keep: bool = True, early: bytes = b"") -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.head, self.body, self.count = "", b"", 0
        self._keep, self._early = keep, early
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        with suppress(OSError, ValueError):  # clients may hang up
            self._take_one()

    def _take_one(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rb") as file:
            lines = []
            while line := file.readline().strip():
                lines.append(line.decode("latin-1"))
            self.head = "\n".join(lines)
            if self._early:
                connection.sendall(self._early)
                return
            length = [line for line in lines if line.lower().startswith("content-length")]
            sizes = [int(length[0].split(":")[1])] if length else _sizes(file)
            for size in sizes:
                self._take(file, size)
            connection.sendall(DONE)

    def _take(self, file, size: int) -> None:
        while size > 0:
            data = file.read(min(size, 1 << 18))
            if not data:
                return
            size -= len(data)
            self.count += len(data)
            if self._keep:
                self.body += data

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.close()
        self._thread.join(10)


def _sizes(file):
    while size := int(file.readline(), 16):
        yield size
        file.readline()
    file.readline()


def api_kind(api) -> str:
    return "async" if type(api.client).__name__.startswith("Async") else "sync"
