"""Fetches a file from a URL that a client names, but not from addresses that only this machine can reach."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from contextlib import ExitStack, closing, suppress
from typing import BinaryIO
from urllib.parse import SplitResult, urljoin, urlsplit

from llmengine_integrations._version import __version__

from ..store.full_disk import is_full

SWITCH = "--allow-private-urls"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_CONNECT = 10.0  # seconds
_TOTAL = 120.0  # seconds for the whole fetch, including redirects
_PIECE = 256 * 1024
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # what the internet routes; Python considers more to be global
_METADATA = tuple(map(ipaddress.IPv4Network, ("168.63.129.16/32", "192.0.0.0/24")))
"""The addresses of metadata services of clouds, in addition to link-local ones: Azure's and Oracle's."""
_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "User-Agent": f"llmengine-integrations/{__version__}",
    "Connection": "close",
}


class FetchError(Exception):
    """A URL that may not or cannot be fetched. The message is one sentence for the client."""


def fetch(url: str, target: BinaryIO, *, max_size: int, allow_private: bool, seconds: float = _TOTAL) -> None:
    """Fetch a URL with GET into a file.

    A name is resolved once, and the connection goes to the address that was checked. So a second answer of the name server cannot lead
    elsewhere. The same holds for every redirect. Proxies are not used.

    Args:
        url: http or https.
        target: receives the content.
        max_size: the largest size, in bytes.
        allow_private: whether addresses that are not public are allowed: this machine, its network, link-local ones.
        seconds: the time limit for the whole fetch.

    Raises:
        FetchError: says why the URL was not fetched.
        OSError: the disk is full.
    """
    deadline = time.monotonic() + seconds
    for _ in range(_MAX_REDIRECTS + 1):
        location = _Request(url, deadline, allow_private=allow_private).run(target, max_size)
        if location is None:
            return
        url = urljoin(url, location)
    raise FetchError(f"The URL redirects more than {_MAX_REDIRECTS} times.")


class _Request:
    """One GET request."""

    def __init__(self, url: str, deadline: float, *, allow_private: bool) -> None:
        self._url, self._host, self._port = _parts(url)
        self._deadline = deadline
        self._allow_private = allow_private

    def run(self, target: BinaryIO, max_size: int) -> str | None:
        """Fetch the URL. Return where it redirects to; None if the file was fetched. Raises an OSError if the disk is full."""
        try:
            with ExitStack() as stack:
                return self._run(stack, target, max_size)
        except (OSError, http.client.HTTPException) as error:
            if is_full(error):
                raise
            if time.monotonic() >= self._deadline:
                raise FetchError("The URL takes too long to fetch.") from error
            raise FetchError(f"The URL cannot be fetched: {error or type(error).__name__}.") from error

    def _run(self, stack: ExitStack, target: BinaryIO, max_size: int) -> str | None:
        connection = http.client.HTTPConnection(self._host, self._port)
        connection.sock = self._connected(stack)
        path = self._url.path or "/"
        connection.request("GET", f"{path}?{self._url.query}" if self._url.query else path, headers=_HEADERS)
        reply = stack.enter_context(closing(connection.getresponse()))
        if reply.status in _REDIRECTS and (location := reply.getheader("Location")):
            return location
        if reply.status != http.client.OK:
            raise FetchError(f"The URL answers with status {reply.status}.")
        self._copy(reply, target, max_size)
        return None

    def _connected(self, stack: ExitStack) -> socket.socket:
        """Return a connection to the host, which is cut at the deadline."""
        address = self._address()
        remaining = max(0.1, self._deadline - time.monotonic())
        raw = stack.enter_context(closing(socket.create_connection(address[:2], timeout=min(_CONNECT, remaining))))
        timer = threading.Timer(remaining, _cut, (raw,))
        timer.daemon = True
        timer.start()
        stack.callback(timer.cancel)
        if self._url.scheme == "http":
            return raw
        secure = ssl.create_default_context().wrap_socket(raw, server_hostname=self._host)
        return stack.enter_context(closing(secure))

    def _address(self) -> tuple[str, int]:
        """Return an address of the host. All of the host's addresses must be allowed."""
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise FetchError(f"The URL's host {self._host!r:.100} has no address.") from error
        addresses = [str(item[4][0]) for item in found]
        if not self._allow_private and not all(map(is_public, addresses)):
            raise FetchError(
                f"The URL's host {self._host!r:.100} is on a private network or on this machine, which this engine does not "
                f"fetch from unless it is started with {SWITCH}. Upload the file instead."
            )
        return addresses[0], self._port

    def _copy(self, reply: http.client.HTTPResponse, target: BinaryIO, max_size: int) -> None:
        size, whole = 0, reply.length
        while piece := reply.read1(_PIECE):
            size += len(piece)
            if size > max_size:
                raise FetchError(f"The URL's file is larger than {max_size} bytes, the most that this engine takes.")
            target.write(piece)
        if time.monotonic() >= self._deadline or (whole is not None and size < whole):
            raise FetchError("The URL's file was cut off, or takes too long to fetch.")


def is_public(address: str) -> bool:
    """Return whether an IP address, in any spelling, is outside private networks."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        return ip.is_global and ip in _GLOBAL_UNICAST
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _METADATA)


def _parts(url: str) -> tuple[SplitResult, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise FetchError(f"Not a valid URL: {error}.") from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise FetchError("The URL must be an http or https one, and name a host.")
    if parts.username is not None:
        raise FetchError("The URL must not have a user name or password in it.")
    if not url.isascii() or any(character <= " " for character in url):
        raise FetchError("The URL must be percent-encoded: it has a space or another character that URLs cannot have.")
    return parts, parts.hostname, port or _DEFAULT_PORTS[parts.scheme]


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
