"""Fetches a file from a presigned URL, and resumes after a break: what to request and what a reply means. No I/O happens here.

`download_steps` is a generator, like the flows, but for one file of many: `runners.py` performs its steps, for several files at a time.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from pydantic import SecretStr
from pydantic_core import to_json

from ..._shared.loopback import is_loopback
from ..._version import __version__
from .._steps import Sleep
from ..errors import (
    APIConnectionError,
    APIStatusError,
    InvalidResponseError,
    LLMEngineError,
    ServerError,
    from_reply,
)
from ..transport.backend import CUT_OFF
from ..transport.retry import RETRIED_STATUSES

_REFUSED = frozenset({400, 401, 403})  # the replies of S3, Azure and GCS for an expired URL
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_MAX_BACKOFF = 8.0
_PLACE = re.compile(r"[^\x00-\x20\x7f\\%@]+")
_RANGE = re.compile(r"bytes ([0-9]{1,19})-[0-9]+/([0-9]{1,19}|\*)")
_ASCII = "".join(map(chr, range(0x21, 0x7F)))
_MAX_URL = 65_536  # httpx accepts no more
_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": f"llmengine-integrations/{__version__}"}


@dataclass(frozen=True, slots=True)
class Get:
    """Request a URL; answered with a `Head`."""

    url: str = field(repr=False)
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a reply; for an error, its body too."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  # the target of a redirect may be a secret
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Receive:
    """Append the reply's body to the part, which grows; answered with None."""


@dataclass(frozen=True, slots=True)
class Renew:
    """Ask the gateway for a URL to replace this one, which has expired; answered with the new one."""

    url: str = field(repr=False)


Step: TypeAlias = Get | Receive | Renew | Sleep


@dataclass(slots=True)
class Part:
    """The part of a file that has been downloaded."""

    size: int = 0
    total: int | None = None
    validator: str | None = None
    """Shows whether the file is still the same: its ETag, or the time of its last change."""

    def forget(self) -> None:
        """Start again from the beginning."""
        self.size, self.total, self.validator = 0, None, None

    @property
    def offset(self) -> int:
        """Where to resume. For a complete part, its last byte is requested again, to check that the file is still the same."""
        if self.validator is None and self.total is None:
            return 0
        return self.size if self.total is None else max(0, min(self.size, self.total - 1))

    def headers(self) -> dict[str, str]:
        """Return headers that request the rest, or the whole file if it has changed (RFC 9110, 13.1.5)."""
        if not self.offset:
            return _HEADERS
        condition = {"if-range": self.validator} if self.validator else {}
        return {**_HEADERS, "range": f"bytes={self.offset}-", **condition}

    def begin(self, head: Head) -> bool:
        """Prepare for a reply with the rest, or with the whole file. Return False if it is neither; then request the whole again.

        Raises:
            InvalidResponseError: The whole file was requested, but the reply is something else.
        """
        asked, self.size = self.offset, 0
        if head.status == 200:  # noqa: PLR2004 - HTTP's own number
            length, validator = _length(head), _validator(head)
            if length is not None or validator is None or validator != self.validator:
                self.total = length  # otherwise the storage has already said how long the file is
            self.validator = validator
            return True
        if not asked:
            raise InvalidResponseError(f"The server answered with status {head.status}.", status_code=head.status)
        found = _RANGE.fullmatch(head.headers.get("content-range", ""))
        total = self.total if found is None or found[2] == "*" else int(found[2])
        if (
            head.status == 206  # noqa: PLR2004 - HTTP's own number
            and found is not None
            and int(found[1]) == asked
            and total is not None  # otherwise the end of the file is not known
            and self.total in {None, total}
            and (_validator(head) or self.validator) == self.validator
        ):
            self.size, self.total = asked, total
            return True
        self.forget()
        return False

    def end(self) -> None:
        """Check, after the orderly end of the reply, that nothing is missing.

        Raises:
            APIConnectionError: Something is missing.
        """
        if self.total is None or self.size == self.total:
            return
        if self.size > self.total:
            self.forget()
        raise APIConnectionError(CUT_OFF)


def download_steps(
    name: str, url: str, part: Part, *, max_retries: int, allow_http: bool
) -> Generator[Step, Any, None]:
    """Fetch one file.

    A try that brings new bytes is not a failure, however it ends. At most `max_retries` tries in a row may bring no new bytes. A URL that
    is refused is renewed once, until new bytes arrive.
    """
    tries, best, renewed = 0, part.size, False
    place = SecretStr(url)
    del url  # a tool that stores the variables of a traceback's frames would store it
    while True:
        try:
            if not part.begin((yield from _get(place, part, allow_http=allow_http))):
                continue
            yield Receive()
            part.end()
        except LLMEngineError as error:
            if part.size > best:
                tries, best, renewed = 0, part.size, False
            if error.status_code in _REFUSED and not renewed:
                place, renewed = SecretStr((yield Renew(place.get_secret_value()))), True
            elif _passing(error) and tries < max_retries:
                yield Sleep(backoff(tries))
                tries += 1
            else:
                error.message = f"{name}: {error.message}"
                error.args = (error.message,)
                raise
        else:
            return


def _get(place: SecretStr, part: Part, *, allow_http: bool) -> Generator[Step, Any, Head]:
    for _ in range(_MAX_REDIRECTS):
        head: Head = yield Get(checked_url(place.get_secret_value(), allow_http=allow_http), part.headers())
        if head.status in _REDIRECTS and head.headers.get("location"):
            place = _redirected(place, head)
        elif head.status in {200, 206, 416}:
            coding = head.headers.get("content-encoding", "").strip()
            if coding.lower() not in {"", "identity"}:
                # Then a break would go unnoticed, and a few bytes could decompress to any size.
                raise InvalidResponseError(f"The storage compressed the file ({coding}), which it was asked not to do.")
            return head
        elif head.status >= 400:  # noqa: PLR2004 - HTTP's own classes
            raise _error(head)
        else:
            raise InvalidResponseError(f"The server answered with status {head.status}.", status_code=head.status)
    raise InvalidResponseError(f"The server redirects more than {_MAX_REDIRECTS} times.")


def _redirected(place: SecretStr, head: Head) -> SecretStr:
    with suppress(ValueError):
        return SecretStr(urljoin(place.get_secret_value(), head.headers["location"]))
    raise InvalidResponseError("The storage redirects to a URL that is not valid.")


def checked_url(url: str, *, allow_http: bool) -> str:
    """Return the URL with non-ASCII characters encoded. Refuse a URL over which others on the network could read or replace the file.

    Raises:
        InvalidResponseError: It is not a valid https URL. (http is allowed to this machine itself, or if the caller allows it.)
    """
    sent, refusal = _judged(url, allow_http=allow_http)
    del url  # the same as in `download_steps`
    if sent is None:
        raise InvalidResponseError(refusal)
    return sent


def _judged(url: str, *, allow_http: bool) -> tuple[str | None, str]:
    """Return the URL to send; or None, and the reason."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        place = parts.netloc.encode("idna").decode("ascii")  # fails for a name that no name server can look up
        sent = urlunsplit((parts.scheme, place, *(quote(part, safe=_ASCII) for part in (parts.path, parts.query)), ""))
    except ValueError:
        return None, "The URL of the file is not valid."
    if len(sent) > _MAX_URL:
        return None, f"The URL of the file is longer than {_MAX_URL} characters."
    if not host or not _PLACE.fullmatch(parts.netloc) or parts.scheme not in {"http", "https"}:
        return None, f"The URL of the file is not an https URL with a host{parts.scheme and f': {parts.scheme}'}."
    if parts.scheme == "http" and not (allow_http or is_loopback(host)):
        return None, f"The URL of the file is not encrypted (http to {host}); allow_http=True permits it."
    return sent, ""


def backoff(tries: int) -> float:
    """Return the seconds until the next try: a random time of up to 0.5, 1, 2, ... 8."""
    return random.uniform(0.0, min(_MAX_BACKOFF, 0.5 * 2**tries))  # noqa: S311 - no secret


def _passing(error: LLMEngineError) -> bool:
    return isinstance(error, APIConnectionError | ServerError) or (
        isinstance(error, APIStatusError) and error.status_code in RETRIED_STATUSES
    )


def _error(head: Head) -> APIStatusError:
    """Return the storage's error. Only the readable fields of its XML are kept, because the rest repeats parts of the signature."""
    text = head.body.decode("utf-8", "replace")
    said = [found[1] for tag in ("Code", "Message") if (found := re.search(f"<{tag}>([^<]{{1,300}})</{tag}>", text))]
    reason = f" ({': '.join(said)})" if said else ""
    message = f"The storage answered with status {head.status}{reason}."
    return from_reply(head.status, {}, to_json({"detail": message}))


def _length(head: Head) -> int | None:
    length = head.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


def _validator(head: Head) -> str | None:
    found = head.headers.get("etag", "")
    found = found if found.startswith('"') else head.headers.get("last-modified", "")
    return found if found.isascii() and found.isprintable() and found else None  # otherwise it could not be sent back


_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)", re.IGNORECASE)
_MAX_NAME = 200  # bytes; file systems accept 255, and a part's name is longer
_PART = ".part"


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """Return a file name for each of a server's names: inside its folder on every system, and different from the others."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(names):
        stem, dot, ending = (safe := safe_name(name)).rpartition(".")
        number = 1
        while _key(safe) in taken:
            number += 1
            safe = f"{stem}-{number}{dot}{ending}" if stem else f"{ending}-{number}"
        taken.add(_key(safe))
        found[name] = safe
    return found


def _key(name: str) -> str:
    """Return the same key for names that some file system considers equal."""
    return unicodedata.normalize("NFKC", name).casefold()


def safe_name(name: str) -> str:
    """Return the last component of a name, without characters that have a special meaning on some system."""
    last = re.split(r"[/\\]", name)[-1]
    clean = "".join(char if char.isprintable() and char not in '<>:"|?*' else "_" for char in last).strip(" ")
    clean = _shortened(clean.rstrip(". ") or "_")
    return f"_{clean}_" if _DEVICES.match(clean) or clean.casefold().endswith((_PART, f"{_PART}.json")) else clean


def _shortened(name: str) -> str:
    if len(name.encode()) <= _MAX_NAME:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > 20:  # noqa: PLR2004 - not an extension, just a dot somewhere
        stem, dot, ending = name, "", ""
    short = stem.encode()[: _MAX_NAME - len(f"{dot}{ending}".encode())].decode("utf-8", "ignore")
    return f"{short}{dot}{ending}".rstrip(". ")
