"""Fetching what a client names: never from inside, never without end."""

from __future__ import annotations

import errno
import io
import os
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from llmengine_integrations.engine.tuning import safe_fetch
from llmengine_integrations.engine.tuning.safe_fetch import FetchError, fetch, is_public

pytestmark = pytest.mark.engine


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append(self.path)
        action, _, rest = self.path[1:].partition("/")
        getattr(self, action.partition("?")[0])(rest)

    def rows(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def short(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "50")
        self.end_headers()
        self.wfile.write(b"hello")

    def slow(self, _: str) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def status(self, code: str) -> None:
        self.send_error(int(code))

    def to(self, location: str) -> None:
        self.send_response(302)
        self.send_header("Location", location)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.seen = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(url: str, **options) -> bytes:
    target = io.BytesIO()
    fetch(url, target, **{"max_size": 1000, "allow_private": True, **options})
    return target.getvalue()


def test_a_file_and_a_redirected_one(server):
    assert get(f"{server.url}/rows") == b"hello"
    assert get(f"{server.url}/to//rows?a=b") == b"hello"
    assert server.seen[-1] == "/rows?a=b"


@pytest.mark.parametrize(
    ("path", "options", "reason"),
    [
        ("/status/404", {}, "status 404"),
        ("/rows", {"max_size": 4}, "larger than 4 bytes"),
        ("/short", {}, "cut off"),
        ("/slow", {"seconds": 0.3}, "too long|cut off"),
        ("/to/file:///etc/passwd", {}, "http or https"),
    ],
)
def test_what_cannot_be_fetched(server, path, options, reason):
    with pytest.raises(FetchError, match=reason):
        get(server.url + path, **options)


def test_a_full_disk_is_not_the_urls_fault(server):
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space") as caught:
        fetch(f"{server.url}/rows", Full(), max_size=1000, allow_private=True)
    assert caught.value.errno == errno.ENOSPC


def test_redirects_end(server):
    loop = f"{server.url}/to/"
    with pytest.raises(FetchError, match="redirects more than 5 times"):
        get(loop + loop * 8 + "/rows")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"])
def test_this_machine_is_not_asked(server, host):
    with pytest.raises(FetchError, match=r"--allow-private-urls|no address"):
        get(f"http://{host}:{server.server_port}/rows", allow_private=False)
    assert server.seen == []


def test_nor_after_a_redirect(server, monkeypatch):
    """The first address counts as public; the one that it redirects to does not."""
    monkeypatch.setattr(safe_fetch, "is_public", lambda address: address == "127.0.0.1")
    with pytest.raises(FetchError, match="--allow-private-urls"):
        get(f"{server.url}/to/http://127.0.0.2:{server.server_port}/rows", allow_private=False)
    assert len(server.seen) == 1


def test_the_name_is_resolved_once(server, monkeypatch):
    """A name server that answers something else the second time leads nowhere."""
    answers = iter([[(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.server_port))]])
    original = socket.getaddrinfo

    def answer(host, *arguments, **options):
        return next(answers) if host == "rebinding.test" else original(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert get(f"http://rebinding.test:{server.server_port}/rows") == b"hello"


@pytest.mark.parametrize(
    "url", ["http://", "http://user:secret@host/", "http://host/a b", "http://host:port/", "http://host/é", "nothing"]
)
def test_what_is_no_url(url):
    with pytest.raises(FetchError):
        get(url)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),  # noqa: S104 - no binding
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:a9fe:a9fe::1", False),
        ("fec0::1", False),
        ("::127.0.0.1", False),
        ("::ffff:0:127.0.0.1", False),
        ("64:ff9b:1::7f00:1", False),
        ("5f00::1", False),
        ("168.63.129.16", False),
        ("192.0.0.192", False),
        ("nothing", False),
    ],
)
def test_what_counts_as_public(address, public):
    assert is_public(address) is public
