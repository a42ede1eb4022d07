"""Sizes on the command line: 1000000, 512MB, 2GiB."""

from __future__ import annotations

import re

import click

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])(i?))?B?", re.IGNORECASE)
_POWERS = " KMGT"


def size(text: str | int) -> int:
    """The bytes of a size: with K, M, G or T in thousands, with Ki, Mi, Gi or Ti in 1024s; a B may follow.

    Raises:
        click.BadParameter: it is not a size, or less than a byte.
    """
    found = _SIZE.fullmatch(str(text).strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is not a size. Examples: 1000000, 512MB, 2GiB")
    number, unit, binary = found.groups()
    power = _POWERS.index(unit.upper()) if unit else 0
    bytes_ = int(float(number) * (1024 if binary else 1000) ** power)
    if bytes_ < 1:
        raise click.BadParameter("it must be one byte at least")
    return bytes_


def size_text(bytes_: int) -> str:
    """A size as `size` reads it, in the largest unit of 1024s that divides it."""
    power = 0
    while power < len(_POWERS) - 1 and bytes_ % 1024 ** (power + 1) == 0:
        power += 1
    return f"{bytes_ // 1024**power}{_POWERS[power]}iB" if power else str(bytes_)
