"""Which hosts are this machine. This decides who gets a key over plain http, and which engine may run without a key."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import inet_aton

_ZONE = re.compile(r"%[^/]*")
_NUMBERS = re.compile(r"(0x[0-9a-f]+|[0-9]+)(\.(0x[0-9a-f]+|[0-9]+)){0,3}", re.IGNORECASE)
_BELOW = re.compile(r"(?!-)[a-z0-9_.-]*[a-z0-9_-]\.localhost")


def is_loopback(host: str, *, subdomains: bool = True) -> bool:
    """Return whether a host name or address means this machine.

    Args:
        host: A name, or an address without brackets, in any spelling that connections accept.
        subdomains: Whether names that end in `.localhost` count. RFC 6761 and browsers say so, and no public name server has them. But a
            server listens on whatever address the system finds for the name.
    """
    name = host.lower().removesuffix(".")
    if name == "localhost" or (subdomains and _BELOW.fullmatch(name) and ".." not in f".{name}"):
        return True
    address = address_of(host)
    return address is not None and address.is_loopback


def address_of(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a host is, if it is not a name: `127.1` and `::ffff:127.0.0.1` are 127.0.0.1."""
    try:
        found = ip_address(without_zone(host))
    except ValueError:
        return _in_numbers(host.removesuffix("."))
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def without_zone(address: str) -> str:
    """Return an address without its zone (the name of a network card), as in `fe80::1%eth0`."""
    return _ZONE.sub("", address)


def _in_numbers(host: str) -> IPv4Address | None:
    try:
        return IPv4Address(inet_aton(host)) if _NUMBERS.fullmatch(host) else None
    except OSError:
        return None
