"""Keeps the types and reasons of other libraries' exceptions, and nothing that may be a secret.

Their texts and attributes hold URLs (a presigned one is a secret), headers (the key), bodies and proxies' passwords. So none of them
becomes the cause or the context of our errors; a `ForeignError` replaces it.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator
from typing import NoReturn

_MOST = 300  # characters of one exception's text
_DEEPEST = 10  # exceptions of a chain
_HIDDEN = (
    (
        re.compile(r"""(["']).*\1"""),
        "'...'",
    ),  # what was sent or received, quoted; a URL pattern would match the closing quote too
    (re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://\S*"), "<URL>"),
    (re.compile(r"(?i)\b(bearer|basic|digest) +\S+"), r"\1 ..."),
    (re.compile(r"\?\S+"), "?..."),
)


class ForeignError(Exception):
    """Replaces an exception of another library, and those that caused it.

    Its text names each one's type and its reason, the outermost first, without URLs, headers and bodies.

    Attributes:
        errno: The operating system's number of the failure, if it has one.
    """

    def __init__(self, message: str, errno: int | None = None) -> None:
        super().__init__(message, errno)
        self.errno = errno

    def __str__(self) -> str:
        return str(self.args[0])


def fail(error: Exception, foreign: BaseException) -> NoReturn:
    """Raise our error because of another library's. Only a `ForeignError` of the latter is kept."""
    try:
        raise error from stand_in(foreign)
    finally:
        error.__context__ = None  # inside an `except`, Python has set it to the other library's
        del error, foreign  # or anything that reads this frame's variables could read them


def raise_alone(error: Exception) -> NoReturn:
    """Raise a user's error that another library wrapped in its own, without the library's."""
    context = error.__context__
    try:
        raise error
    finally:
        error.__context__ = context
        del error, context


def stand_in(foreign: BaseException) -> ForeignError:
    """Return what may be kept of another library's exception."""
    chain = list(_chain(foreign))
    return ForeignError(" <- ".join(map(_described, chain)), next(filter(None, map(_errno, reversed(chain))), None))


def reason(error: BaseException) -> str:
    """Return why the network failed, in the operating system's words. Each library wraps them in its own."""
    for found in reversed(list(_chain(error))):
        if isinstance(found, OSError) and (said := _of_system(found)):
            return f"TLS failed: {said}" if isinstance(found, ssl.SSLError) else said
    return said_by(error) or type(error).__name__


def said_by(error: BaseException) -> str:
    """Return an exception's text, if its arguments are only text, without what may be a secret."""
    if isinstance(error, UnicodeDecodeError | UnicodeEncodeError):
        return f"{error.encoding}: {error.reason} at {error.start}"
    return safe(" ".join(error.args)) if all(isinstance(each, str) for each in error.args) else ""


def safe(text: str) -> str:
    """Return the first line of another library's or server's text, without URLs, credentials and quoted content."""
    line = text.strip().partition("\n")[0].strip()
    for pattern, instead in _HIDDEN:
        line = pattern.sub(instead, line)
    return line[:_MOST].rstrip(" :")


def _chain(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    for _ in range(_DEEPEST):
        if following is None:
            return
        yield following
        following = following.__cause__ or following.__context__


def _described(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    said = (isinstance(error, OSError) and _of_system(error)) or said_by(error)
    number = f"[Errno {_errno(error)}] " if _errno(error) else ""
    return f"{name}: {number}{said}" if said else name


def _errno(error: BaseException) -> int | None:
    found = getattr(error, "errno", None)
    return found if isinstance(found, int) else None  # OSError takes whatever it is given


def _of_system(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        named: list[object] = [getattr(error, name, None) for name in ("verify_message", "reason", "strerror")]
        return safe(next((said for said in named if isinstance(said, str) and said), ""))
    # An address is not part of the reason, but asyncio writes it into strerror.
    number = _errno(error) or 0
    return os.strerror(number) if number > 0 and error.strerror else safe(str(error.strerror or ""))
