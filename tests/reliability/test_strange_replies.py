"""Replies behind replies, codings that explode, and URLs, ETags, ranges and numbers that are no such thing."""

from __future__ import annotations

import asyncio
import gzip
import math
import os
import sys

import pytest

from core._api import EVERY, OWN
from core._server import CLOSE, COMPLETION, reply, stream
from core._server import output as event
from llmengine_integrations.core._timeouts import Timeout
from llmengine_integrations.core.downloads.protocol import checked_url, safe_name, safe_names
from llmengine_integrations.errors import InvalidArgumentError, InvalidResponseError, LLMEngineError, ServerError

ANOTHERS = reply(200, {"request_id": "r-2", "output": {"text": "another's", "num_completion_tokens": 1}})
STARTED = reply(200, {"id": "ft-1"})
ZSTD_OF_XS = bytes.fromhex("28b52ffd206445000010787801003f012c")


class TestWhatFollowsAReply:
    """It is nobody's reply: not that to the next request on the connection, which another call may have sent."""

    @pytest.mark.parametrize("kind", EVERY)
    @pytest.mark.parametrize(
        "first",
        [
            COMPLETION,
            reply(200, gzip.compress(COMPLETION.partition(b"\r\n\r\n")[2]), content_encoding="gzip"),
            reply(404, {"detail": "no"}),
            b"HTTP/1.1 204 X\r\n\r\n",
            stream(event("Hel"), event("", finished=True)).replace(b"text/event-stream", b"application/json"),
        ],
        ids=["reply", "gzip", "error", "no-content", "chunks"],
    )
    async def test_with_it(self, kind, first, connect, server):
        server.then(first + ANOTHERS).always(COMPLETION)
        api = connect(max_retries=0)
        try:
            await api.create()
        except LLMEngineError:
            assert first is not COMPLETION
        assert (await api.create()).output.text == "Hello"

    @pytest.mark.parametrize("kind", EVERY)
    async def test_with_a_stream(self, kind, connect, server):
        server.then(stream(event("Hel"), event("", finished=True)) + ANOTHERS).always(COMPLETION)
        api = connect(max_retries=0)
        assert await api.text() == "Hel"
        assert (await api.create()).output.text == "Hello"

    @pytest.mark.parametrize("kind", EVERY)
    @pytest.mark.parametrize("more", [ANOTHERS, reply(408), b"\r\n"], ids=["reply", "408", "line"])
    async def test_while_the_connection_is_idle(self, kind, more, connect, server):
        """As some proxies do before they hang up: a 408 to nobody."""
        gate = server.gate()
        server.then(COMPLETION, gate, more).always(STARTED)
        api = connect(max_retries=0)
        await api.create()
        gate.open()
        await asyncio.sleep(0.1)  # for it to arrive
        assert (await api.call("fine_tunes.create", "m", "file-1")).id == "ft-1"
        assert [request.target for request in server.received].count("/v1/llm/fine-tunes") == 1


class TestCodings:
    """Nobody asked for any; a few kilobytes must not become gigabytes before they are counted."""

    @pytest.mark.parametrize("kind", EVERY)
    @pytest.mark.parametrize(
        ("coding", "content"),
        [
            ("gzip, gzip", gzip.compress(gzip.compress(b"x" * 1_000_000))),
            ("gzip,gzip", gzip.compress(gzip.compress(b"x" * 1_000_000))),
            ("zstd", ZSTD_OF_XS),
        ],
        ids=["twice", "twice without a blank", "zstd"],
    )
    @pytest.mark.parametrize("status", [200, 500])
    async def test_those_without_bounds_are_not_unpacked(self, kind, coding, content, status, connect, server):
        server.always(reply(status, content, content_encoding=coding))
        with pytest.raises((InvalidResponseError, ServerError)) as caught:
            await connect(max_retries=0).create()
        assert "xxx" not in f"{caught.value} {caught.value.body}"
        server.always(reply(status, content, content_encoding=coding, content_type="text/event-stream"))
        with pytest.raises(LLMEngineError):
            await connect(max_retries=0).text()

    @pytest.mark.parametrize("kind", EVERY)
    async def test_an_error_that_cannot_be_unpacked_is_still_that_error(self, kind, connect, server, naps):
        server.then(reply(503, b"no gzip", content_encoding="gzip")).then(COMPLETION)
        assert (await connect(max_retries=1).create()).output.text == "Hello"


class TestURLs:
    @pytest.mark.parametrize(
        ("url", "sent"),
        [
            ("https://h/a b?c d", "https://h/a%20b?c%20d"),
            ("https://h/a HTTP/1.1\r\nX-Evil: 1", "https://h/a%20HTTP/1.1X-Evil:%201"),
            ("https://h/\0\x1b\x7f", "https://h/%00%1B%7F"),
            ("https://h/\xe9?\xfc=\u6771#x", "https://h/%C3%A9?%C3%BC=%E6%9D%B1"),
            ("https://b\xfccher.example:8443/x", "https://xn--bcher-kva.example:8443/x"),
            ("HTTPS://h/%2f%zz?a=%20+b&c;d='~", "https://h/%2f%zz?a=%20+b&c;d='~"),
            ("https://[::1]:8443/x", "https://[::1]:8443/x"),
        ],
    )
    def test_are_sent_as_ascii(self, url, sent):
        assert checked_url(url, allow_http=False) == sent

    @pytest.mark.parametrize("url", ["https://a..b/x", f"https://{'a' * 64}.example/x", f"https://h/{'a' * 65_536}"])
    def test_that_cannot_be_asked_for_are_refused(self, url):
        with pytest.raises(InvalidResponseError):
            checked_url(url, allow_http=False)

    @pytest.mark.parametrize("kind", EVERY)
    @pytest.mark.parametrize("path", ["/a b", "/a\0b", "/\xe9", "/a\r\nx: 1"])
    async def test_arrive_as_one_target(self, kind, path, connect, server, tmp_path):
        server.then(reply(200, {"urls": {"f": f"{server.url}{path}?s=\u6771"}})).always(reply(200, b"data"))
        assert (await connect().call("models.download", "m", tmp_path))["f"].read_bytes() == b"data"
        assert server.received[1].target.isascii()
        assert "x" not in server.received[1].headers

    @pytest.mark.parametrize("kind", EVERY)
    @pytest.mark.parametrize("host", ["a..b", "xn--a.invalid", "\u4e00\u0378.invalid", "a" * 64])
    async def test_of_hosts_that_are_no_names(self, kind, host, connect, server, tmp_path):
        server.always(reply(200, {"urls": {"f": f"https://{host}/x"}}))
        with pytest.raises(LLMEngineError):
            await connect().call("models.download", "m", tmp_path, max_retries=0)

    @pytest.mark.parametrize("kind", EVERY)
    async def test_that_a_name_makes_too_long(self, kind, connect, server):
        with pytest.raises(LLMEngineError):
            await connect(max_retries=0).create("m" * 70_000)


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("etag", ['"\xe9"', '"\x7f"', '"\u6771"'])
async def test_an_etag_that_cannot_be_sent_back(kind, etag, connect, server, tmp_path, naps):
    head = f"HTTP/1.1 200 OK\r\ncontent-length: 10\r\netag: {etag}\r\n\r\n".encode()
    server.then(reply(200, {"urls": {"f": f"{server.url}/f"}})).then(head + b"01234", CLOSE)
    server.always(reply(200, b"0123456789"))
    found = await connect().call("models.download", "m", tmp_path)
    assert found["f"].read_bytes() == b"0123456789"


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("where", ["bytes %s-9/10", "bytes 5-%s/10", "bytes 5-9/%s"])
async def test_a_range_of_thousands_of_digits(kind, where, connect, server, tmp_path, naps):
    head = b'HTTP/1.1 200 OK\r\ncontent-length: 10\r\netag: "x"\r\n\r\n'
    server.then(reply(200, {"urls": {"f": f"{server.url}/f"}})).then(head + b"01234", CLOSE)
    server.then(reply(206, b"56789", etag='"x"', content_range=where % ("5" * 5000)))
    server.always(reply(200, b"0123456789", etag='"x"'))
    found = await connect().call("models.download", "m", tmp_path)
    assert found["f"].read_bytes() == b"0123456789"


class TestSeconds:
    @pytest.mark.parametrize("kind", EVERY)
    @pytest.mark.parametrize(
        "seconds", [math.inf, 1e10, 1e300, Timeout(total=math.inf), Timeout(None, None, None, None, 1e12)], ids=str
    )
    async def test_without_end_wait_for_ever(self, kind, seconds, connect, server):
        server.then(COMPLETION).then(COMPLETION).always(reply(200, {"id": "ft", "status": "SUCCESS"}))
        assert (await connect(timeout=seconds).create()).output.text == "Hello"
        assert (await connect().create(timeout=seconds)).output.text == "Hello"
        assert (await connect(timeout=seconds).call("fine_tunes.wait", "ft", timeout=math.inf)).succeeded

    @pytest.mark.parametrize("name", ["timeout", "poll_interval", "max_poll_interval"])
    async def test_that_are_no_number(self, name, api, server):
        with pytest.raises(InvalidArgumentError, match="0 or more"):
            await api.call("fine_tunes.wait", "ft", **{name: math.nan})
        assert server.received == []


@pytest.mark.parametrize("tail", [".part", ". ", " .", ".part.json"])
def test_a_name_is_safe_after_it_was_shortened_too(tail):
    """A part's name would be another file's place."""
    name = "x" * (200 - len(tail)) + tail + "y" * 100
    assert not safe_name(name).endswith((".part", ".part.json", ".", " "))
    short = name[: 200 - len(tail)]
    places = safe_names([name, short]).values()
    assert not {f"{place}{more}" for place in places for more in (".part", ".part.json")} & set(places)


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes")
@pytest.mark.parametrize("kind", OWN)
async def test_a_download_replaces_files_only(kind, connect, server, tmp_path):
    """Whoever is root would lose a device otherwise: /dev/null, say."""
    os.mkfifo(pipe := tmp_path / "f")
    api = connect()
    server.always(reply(200, {"id": "f", "content": "text"}))
    with pytest.raises(FileExistsError, match="not a file"):
        await api.call("files.download", "f", pipe, overwrite=True)
    server.always(reply(200, {"urls": {"f": f"{server.url}/f"}}))
    with pytest.raises(FileExistsError, match="not a file"):
        await api.call("models.download", "m", tmp_path, overwrite=True)
    assert pipe.is_fifo()
    assert server.targets == ["/v1/llm/model-endpoints/download"]
