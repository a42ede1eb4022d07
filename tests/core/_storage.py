"""A storage on loopback as S3 and its like are: files with ETags and ranges, which it cuts off, refuses or exchanges as told."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

PATIENCE = 10.0


@dataclass
class Blob:
    """One file, and how it is served. `cuts` are bytes of body after which one reply each breaks off."""

    content: bytes
    cuts: deque[int] = field(default_factory=deque)
    ranges: bool = True
    etag: str | None = None
    modified: str | None = None
    length: bool = True
    instead: deque[tuple[int, bytes, dict[str, str]]] = field(default_factory=deque)
    """Replies that come before the file: status, body, headers."""
    hold: threading.Event | None = None
    """Waited for in the middle of the body."""
    extra: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.etag is None:
            self.etag = f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'


@dataclass(frozen=True)
class Asked:
    """A request as it came, and how many bytes of body it got."""

    path: str
    headers: dict[str, str]
    sent: list[int]


class Storage:
    """Serves `blobs` by path; `url(path)` is where."""

    def __init__(self) -> None:
        self.blobs: dict[str, Blob] = {}
        self.asked: list[Asked] = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self._server = _Listener(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def put(self, name: str, content: bytes, **how: Any) -> str:
        """Serve a file, and return its URL."""
        self.blobs[f"/{name}"] = Blob(content, **how)
        return self.url(f"/{name}")

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}?Expires=1&Signature=s%2Bs"

    def ranges(self, name: str) -> list[str | None]:
        """The ranges that were asked of a file."""
        return [asked.headers.get("range") for asked in self.asked if asked.path == f"/{name}"]

    def enter(self, change: int) -> None:
        with self._lock:
            self.at_once += change
            self.most_at_once = max(self.most_at_once, self.at_once)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for blob in self.blobs.values():
            if blob.hold is not None:
                blob.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, storage: Storage) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.storage = storage

    def handle_error(self, *_: Any) -> None:
        """Clients hang up as they like."""


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        storage = self.server.storage
        path = self.path.partition("?")[0]
        asked = Asked(path, {name.lower(): value for name, value in self.headers.items()}, [])
        storage.asked.append(asked)
        storage.enter(1)
        try:
            self._answer(storage.blobs.get(path), asked)
        except ConnectionError:
            self.close_connection = True
        finally:
            storage.enter(-1)

    def _answer(self, blob: Blob | None, asked: Asked) -> None:
        if blob is None:
            self._reply(404, b"<Error><Code>NoSuchKey</Code></Error>", {})
        elif blob.instead:
            self._reply(*blob.instead.popleft())
        else:
            self._serve(blob, asked)

    def _serve(self, blob: Blob, asked: Asked) -> None:
        content, status, headers = blob.content, 200, dict(blob.extra)
        headers |= {"ETag": blob.etag} if blob.etag else {}
        headers |= {"Last-Modified": blob.modified} if blob.modified else {}
        wanted = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("range", ""))
        fresh = asked.headers.get("if-range", blob.etag) in {blob.etag, blob.modified}
        if wanted and blob.ranges and fresh:
            start = int(wanted[1])
            if start >= len(content):
                self._reply(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            content, status = content[start:], 206
        cut = blob.cuts.popleft() if blob.cuts else None
        self._reply(status, content, headers, cut=cut, length=blob.length, hold=blob.hold)
        asked.sent.append(len(content) if cut is None else min(cut, len(content)))

    def _reply(
        self,
        status: int,
        content: bytes,
        headers: dict[str, str],
        *,
        cut: int | None = None,
        length: bool = True,
        hold: threading.Event | None = None,
    ) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length:
            self.send_header("Content-Length", str(len(content)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        if hold is not None:
            self._send(content[: len(content) // 2])
            hold.wait(PATIENCE)
            content = content[len(content) // 2 :]
        self._send(content if cut is None else content[:cut])
        if cut is not None or not length:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_WR)

    def _send(self, content: bytes) -> None:
        for start in range(0, len(content), 65536):
            self.wfile.write(content[start : start + 65536])
        self.wfile.flush()
