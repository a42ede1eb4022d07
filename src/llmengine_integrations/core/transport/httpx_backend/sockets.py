"""The sockets of our own sync transport. They keep a deadline, and can be interrupted while a thread waits for them."""

from __future__ import annotations

import socket
import ssl
import time
import weakref
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import httpcore

from ..._timeouts import DeadlineTimeout


def _left(timeout: float | None, late: type[httpcore.TimeoutException]) -> float | None:
    if not isinstance(timeout, DeadlineTimeout):
        return timeout
    left = timeout.deadline - time.monotonic()
    if left <= 0:
        raise late
    return min(float(timeout), left)


class _Stream(httpcore.NetworkStream):
    """Sends the head of a request together with what follows it, because one packet costs as much as a large part of a call.

    httpcore writes the head, then the body, then the end of the message, which is empty on the wire unless the body is chunked.
    """

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._at_head = True
        self._head = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._head:
            self.write(b"", timeout)
        self._at_head = True
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._at_head:
            self._at_head, self._head = False, buffer
            return
        if self._head:
            buffer, self._head = self._head + buffer, b""
        if buffer:
            self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Network(httpcore.SyncBackend):
    """Opens connections, and keeps track of the open ones."""

    def __init__(self) -> None:
        super().__init__()
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect."""
        left = _left(timeout, httpcore.ConnectTimeout)
        stream = super().connect_tcp(host, port, left, local_address, socket_options)
        self._open.add(stream.get_extra_info("socket"))
        return _Stream(stream)

    def interrupt(self) -> None:
        """Wake the threads that wait for an answer. Closing a socket alone would not wake them."""
        for opened in list(self._open):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
