"""A body that ends too early is never taken for a whole one, whatever ends it and whatever was to tell where it ends."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
import zlib
from contextlib import suppress

import httpx
import pytest

from core._api import EVERY, OWN, Api
from core._server import CLOSE, COMPLETION, HANG, MODEL, RESET, STREAM, Server, chunk, event, output, reply
from llmengine_integrations.errors import APIConnectionError, InvalidResponseError, StreamTruncatedError

ARRIVE = 0.1
"""Seconds in which what was sent arrives: a reset throws away what the other side has not read."""
OPEN = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"
OLD = b"HTTP/1.0 200 OK\r\n\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n"
COUNTED = event(output("Hel", num_prompt_tokens=3))
"""An event as TensorRT-LLM sends it, whose streams may end without a word."""
WHOLE = COMPLETION.partition(b"\r\n\r\n")[2]

pytestmark = pytest.mark.parametrize("kind", EVERY)


@pytest.fixture
async def api(kind, server):
    api = Api(kind, server.url, api_key="k", max_retries=0)
    yield api
    await api.close()


@pytest.mark.parametrize("head", [OPEN, OLD], ids=["1.1", "1.0"])
async def test_a_file_without_a_length_that_is_reset(head, api, server, tmp_path):
    with Server() as storage:
        storage.always(head + b"x" * 70_000, ARRIVE, RESET)
        server.always(reply(200, {"urls": {"f": f"{storage.url}/f"}}))
        with pytest.raises(APIConnectionError, match="reset by peer"):
            await api.call("models.download", "m", tmp_path, max_retries=0)
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("head", [OPEN, OLD], ids=["1.1", "1.0"])
async def test_a_file_without_a_length_that_ends_in_order(head, api, server, tmp_path):
    """Nothing tells then whether more was to come."""
    with Server() as storage:
        storage.always(head + b"x" * 70_000, CLOSE)
        server.always(reply(200, {"urls": {"f": f"{storage.url}/f"}}))
        found = await api.call("models.download", "m", tmp_path, max_retries=0)
    assert found["f"].stat().st_size == 70_000


async def test_a_file_of_the_gateway_that_is_reset(api, server, tmp_path):
    server.always(OPEN + b'{"id": "file-1", "content": "abc', ARRIVE, RESET)
    with pytest.raises(APIConnectionError, match="reset by peer"):
        await api.call("files.download", "file-1", tmp_path / "f")
    with pytest.raises(APIConnectionError, match="reset by peer"):
        await api.call("files.content", "file-1")
    assert list(tmp_path.iterdir()) == []


async def test_a_whole_reply_without_a_length_that_is_reset(api, server):
    server.then(OPEN + WHOLE, ARRIVE, RESET)
    with pytest.raises(APIConnectionError, match="reset by peer"):
        await api.create()


async def test_a_stream_that_may_just_end_is_reset(api, server):
    server.then(EVENTS + COUNTED, ARRIVE, RESET)
    events = []
    with pytest.raises(APIConnectionError, match="reset by peer") as caught:
        await api.read(into=events)
    assert [event.output.text for event in events] == ["Hel"]
    assert caught.value.text == "Hel"


async def test_a_stream_without_a_length_that_ends_too_early(api, server):
    server.then(EVENTS + event(output("Hel")), CLOSE)
    with pytest.raises(StreamTruncatedError) as caught:
        await api.read()
    assert caught.value.text == "Hel"


@pytest.mark.parametrize("finished", [True, False])
async def test_what_came_before_a_cut_is_read_to_its_end(finished, api, server):
    """Also by a program that takes its time: the cut is there before it reads on."""
    gate = server.gate()
    server.then(
        STREAM + chunk(event(output("a"))),
        gate,
        chunk(event(output("b"))),
        chunk(event(output("c", finished=finished))),
        CLOSE,
    )
    events = []

    async def read() -> None:
        async with api.stream() as arriving:
            async for found in arriving:
                if not events:
                    gate.open()
                    await asyncio.sleep(ARRIVE)
                events.append(found.output.text)

    if finished:
        await read()
    else:
        with pytest.raises(APIConnectionError) as caught:
            await read()
        assert caught.value.text == "abc"
    assert events == ["a", "b", "c"]


async def test_a_chunk_that_is_not_valid_ends_the_wait(api, server):
    """At once, though the server keeps the connection open."""
    server.then(STREAM + chunk(event(output("Hel"))), ARRIVE, b"5x\r\nmore\r\n", HANG)
    async with asyncio.timeout(5):
        with pytest.raises(APIConnectionError) as caught:
            await api.read()
    assert caught.value.text == "Hel"


def deflated(content: bytes) -> bytes:
    return zlib.compress(content)


def bare(content: bytes) -> bytes:
    return zlib.compress(content, wbits=-zlib.MAX_WBITS)


class TestCodings:
    """The coding ends too early, though the body ends where its length says."""

    @pytest.mark.parametrize(
        ("coding", "packed", "end"),
        [("gzip", gzip.compress, 8), ("gzip", gzip.compress, 1), ("deflate", deflated, 4), ("deflate", bare, 1)],
        ids=["no trailer", "short trailer", "no checksum", "no last block"],
    )
    async def test_a_cut(self, coding, packed, end, api, server):
        """All of the JSON is there."""
        server.then(reply(200, packed(WHOLE)[:-end], content_encoding=coding))
        with pytest.raises(APIConnectionError, match="before the reply was complete"):
            await api.create()

    @pytest.mark.parametrize("packed", [gzip.compress, deflated, bare])
    async def test_the_whole(self, packed, api, server):
        coding = "gzip" if packed is gzip.compress else "deflate"
        server.then(reply(200, packed(WHOLE), content_encoding=coding))
        assert (await api.create()).output.text == "Hello"

    async def test_parts_and_a_part_that_is_cut(self, api, server):
        first, second = gzip.compress(WHOLE[:20]), gzip.compress(WHOLE[20:])
        server.then(reply(200, first + second, content_encoding="gzip"))
        assert (await api.create()).output.text == "Hello"
        server.then(reply(200, gzip.compress(WHOLE) + gzip.compress(b" ")[:-4], content_encoding="gzip"))
        with pytest.raises(APIConnectionError):
            await api.create()

    async def test_a_stream_that_may_just_end(self, api, server):
        packed = gzip.compress(COUNTED)[:-8]
        server.then(reply(200, packed, content_encoding="gzip", content_type="text/event-stream"))
        with pytest.raises(APIConnectionError) as caught:
            await api.read()
        assert caught.value.text == "Hel"

    async def test_a_stream_that_has_said_that_it_is_finished(self, api, server):
        packed = gzip.compress(event(output("Hel", finished=True)))[:-8]
        server.then(reply(200, packed, content_encoding="gzip", content_type="text/event-stream"))
        assert await api.text() == "Hel"


class _Encrypted:
    """Answers each request over TLS with the same bytes, and closes with or without saying so."""

    def __init__(self, authority, *, politely: bool) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._context)
        self._politely = politely
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}"
        self.replies: dict[str, bytes] = {}
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                with suppress(ssl.SSLError, TimeoutError):
                    self._answer(self._socket.accept()[0])

    def _answer(self, plain: socket.socket) -> None:
        plain.settimeout(10)
        with self._context.wrap_socket(plain, server_side=True) as connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65_536)
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
            )
            left = length - len(head.partition(b"\r\n\r\n")[2])
            while left > 0:
                left -= len(connection.recv(65_536))
            connection.sendall(self.replies[head.split()[1].decode()])
            if self._politely:
                with suppress(OSError):
                    connection.unwrap()


@pytest.fixture(scope="module")
def authority():
    return pytest.importorskip("trustme").CA()


class TestEncrypted:
    """RFC 9112, 9.8: a body that ends with its connection is whole only if the other side said that it closes."""

    @pytest.fixture(params=[True, False], ids=["said", "not said"])
    async def politely(self, request):
        return request.param

    @pytest.fixture
    def storage(self, politely, authority):
        with _Encrypted(authority, politely=politely) as storage:
            yield storage

    @pytest.fixture
    async def api(self, kind, storage, authority, tmp_path, monkeypatch):
        bundle = tmp_path / "authority.pem"
        authority.cert_pem.write_to_path(str(bundle))
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        given = {}
        if kind not in OWN:
            made = httpx.AsyncClient if kind.startswith("async") else httpx.Client
            given["http_client"] = made(verify=ssl.create_default_context(cafile=str(bundle)))
        api = Api(kind, storage.url, api_key="k", max_retries=0, **given)
        yield api
        await api.close()

    async def test_a_file(self, api, storage, politely, tmp_path):
        storage.replies["/v1/llm/model-endpoints/download"] = reply(
            200, {"urls": {"f": f"{storage.url}/f"}}, connection="close"
        )
        storage.replies["/f"] = OPEN + b"x" * 70_000
        if politely:
            found = await api.call("models.download", "m", tmp_path / "m", max_retries=0)
            assert found["f"].stat().st_size == 70_000
            return
        with pytest.raises(APIConnectionError, match="before the reply was complete"):
            await api.call("models.download", "m", tmp_path / "m", max_retries=0)
        assert not (tmp_path / "m" / "f").exists()

    async def test_a_stream_that_may_just_end(self, api, storage, politely):
        storage.replies["/v1/llm/completions-stream?model_endpoint_name=m"] = EVENTS + COUNTED
        events = []
        if politely:
            await api.read(into=events)
        else:
            with pytest.raises(APIConnectionError) as caught:
                await api.read(into=events)
            assert caught.value.text == "Hel"
        assert [event.output.text for event in events] == ["Hel"]

    @pytest.mark.parametrize("status", [200, 204])
    async def test_a_body_with_an_end_of_its_own_needs_no_word(self, status, api, storage):
        closing = {"connection": "close"}
        route = "/v1/llm/model-endpoints/m"
        if status == 200:
            storage.replies[route] = reply(200, MODEL, **closing)
            assert (await api.call("models.get", "m")).name == "m"
        else:
            storage.replies[route] = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"
            with pytest.raises(InvalidResponseError):
                await api.call("models.get", "m")
