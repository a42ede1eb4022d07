"""Decides which proxy a request uses, according to the environment. Nothing here does I/O or reads the environment itself.

The rules are those of requests and curl. If these disagree about `NO_PROXY`, the request goes direct, so that no proxy sees a key that one
of them would not have sent to it. docs/reliability.md lists the forms.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Self
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from .._shared.loopback import address_of, is_loopback, without_zone
from .errors import ConfigurationError

_PORTS = {"http": 80, "https": 443}
_SUFFIX = "_proxy"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_BRACKETS = re.compile(r"\[([^\]]*)\](/\d+)?")
_MAPPED = IPv6Network("::ffff:0:0/96")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy's URL, split into its parts."""

    url: str
    """Without user name and password."""
    headers: Mapping[str, str] = field(repr=False)
    """Headers that only the proxy must see: its `proxy-authorization`, if it needs one, in UTF-8 (RFC 7617)."""

    @classmethod
    def of(cls, url: str) -> Self:
        """Read a proxy's URL. Its user name and password may contain percent escapes.

        Raises:
            ConfigurationError: It is not an http(s) URL. The message does not repeat it, because it may hold a password.
        """
        parts = _split(url)
        if parts is not None and parts.scheme not in _PORTS:
            raise ConfigurationError(
                f"The environment names a {parts.scheme} proxy, which this client does not speak; pass an http_client that does."
            )
        if parts is None or not parts.hostname or "@" in f"{parts.path}{parts.query}{parts.fragment}":
            raise ConfigurationError(_NOT_VALID)
        host, port = parts.hostname, parts.port
        user, at, _ = parts.netloc.rpartition("@")
        name, _, password = user.partition(":")
        secret = b64encode(_unquoted(name) + b":" + _unquoted(password)).decode("ascii")
        where = f"[{host}]" if ":" in host else host
        return cls(
            f"{parts.scheme}://{where}{'' if port is None else f':{port}'}",
            {"proxy-authorization": f"Basic {secret}"} if at and user else {},
        )


_NOT_VALID = (
    "The environment (HTTP_PROXY, HTTPS_PROXY or ALL_PROXY) names a proxy by what is not a valid URL. Write http://host:port, and "
    "percent-encode '/', '?', '#' and '@' in its user name and password."
)


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy that the environment variables define for a request; None if it goes direct.

    Raises:
        ConfigurationError: The client does not support this kind of proxy, or the proxy's URL is invalid.
    """
    return chosen(url, named(environ))


def named(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the proxies in the environment variables, by scheme: `all` for every scheme, and the exceptions under `no`.

    A lower-case variable is preferred to the upper-case one, even if it is empty. But an empty `no_proxy` does not hide `NO_PROXY`.
    A CGI program (which has `REQUEST_METHOD`) ignores `HTTP_PROXY`: any client could set it by sending a `Proxy` header.
    """
    found = {name: value.strip() for name, value in environ.items() if name.lower().endswith(_SUFFIX)}
    capitals = {name.lower(): value for name, value in found.items() if not name.islower()}
    if "REQUEST_METHOD" in environ:
        capitals.pop("http_proxy", None)
    lower = {name: value for name, value in found.items() if name.islower() and (value or name != "no_proxy")}
    return {name.removesuffix(_SUFFIX): value for name, value in {**capitals, **lower}.items() if value}


def chosen(url: str, proxies: Mapping[str, str]) -> str | None:
    """Return the proxy for a URL, from those by scheme; never one for this machine itself.

    Raises:
        ConfigurationError: As `proxy_for` does.
    """
    if (parts := _split(url)) is None:  # no request can be made to it, with or without a proxy
        return None
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    found = proxies.get(parts.scheme) or proxies.get("all")
    if not found or is_loopback(host) or _bypassed(host, port, proxies.get("no", "")):
        return None
    proxy = found if _SCHEME.match(found) else f"http://{found}"
    Proxy.of(proxy)
    return proxy


def _split(url: str) -> SplitResult | None:
    """Return a URL's parts, if it is valid."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # if raised again elsewhere, it would show the URL, and a password with it
        return None
    return parts


def _bypassed(host: str, port: int | None, exceptions: str) -> bool:
    name, address = _canonical(host), address_of(host)
    return any(_names(entry, name, address, port) for entry in re.split(r"[\s,]+", exceptions))


def _names(entry: str, host: str, address: IPv4Address | IPv6Address | None, port: int | None) -> bool:
    """Return whether an entry of `NO_PROXY` names a host. An invalid entry names none."""
    if entry == "*":
        return True
    if (network := _network(entry)) is not None:
        return address is not None and address in network
    before, colon, digits = entry.rpartition(":")
    if colon:
        return digits == str(port) and _names(before, host, address, port)
    domain = _canonical(entry.removeprefix("*").lstrip("."))
    if address is not None:  # it is not in any domain: `1.1` does not match 10.0.1.1
        return host == domain
    return bool(domain) and f".{host}".endswith(f".{domain}")


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    """Return the addresses that an entry stands for, if it is an address or a network."""
    bracketed = _BRACKETS.fullmatch(entry)
    text = f"{bracketed[1]}{bracketed[2] or ''}" if bracketed else entry
    try:
        found = ip_network(without_zone(text), strict=False)
    except ValueError:
        return None
    if isinstance(found, IPv6Network) and found.subnet_of(_MAPPED):
        return IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - _MAPPED.prefixlen))
    return found


def _canonical(name: str) -> str:
    """Return a host name as it is looked up: in lower case, without the root's dot, in ASCII."""
    name = name.rstrip(".").lower()
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def _unquoted(text: str) -> bytes:
    return unquote_to_bytes(
        text.encode("utf-8", "surrogateescape")
    )  # the environment may hold bytes that are not UTF-8
