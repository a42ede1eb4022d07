"""More faults: the corners of HTTP, codings, JSON and streams. What one HTTP library takes and the other refuses stands as both."""

from __future__ import annotations

import asyncio
import gzip
import re
import zlib
from collections.abc import Callable
from importlib.metadata import version
from itertools import count

from ._exchange import Exchange, body, chunk
from ._faults import (
    CONNECTION,
    FAULTS,
    INVALID,
    LIMIT,
    OK,
    SERVER,
    STATUS,
    STREAMS,
    TIMEOUT,
    TRUNCATED,
    at_first,
    coded,
    connection,
    each,
    fault,
    refusal,
    replies,
)

__all__ = ["FAULTS"]
"""All of them, those of `_faults.py` included."""

# What is left of HTTP's corners.
EITHER = f"{OK}|{CONNECTION}"
"""Where one HTTP library is stricter than the other."""
SOME = ("create", "infer", "chat", "save")
"""Enough where only what is in a body matters."""

replies("http-1.0", each(OK), lambda x: x.whole().replace(b"HTTP/1.1", b"HTTP/1.0", 1))
replies("http-2", each(CONNECTION), lambda x: x.whole().replace(b"HTTP/1.1", b"HTTP/2", 1))
replies("many-hints", each(OK), lambda x: b"HTTP/1.1 100 Continue\r\n\r\n" * 20 + x.whole())
replies(
    "switching-protocols",
    each(f"{STATUS}|{CONNECTION}", fetch=f"{INVALID}|{CONNECTION}"),
    lambda x: b"HTTP/1.1 101 Whatever\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n" + x.content,
)


@fault(each(OK))
async def http_1_0_without_length(x: Exchange) -> None:
    await x.close(x.head().replace(b"HTTP/1.1", b"HTTP/1.0", 1) + x.content)


@fault(each(TIMEOUT), total=0.6, kinds=("sync", "async", "async-httpx"))  # as endless-slow-head
async def endless_hints(x: Exchange) -> None:
    for _ in count():
        await x.send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
        await asyncio.sleep(0.01)


def _with_line(line: bytes) -> Callable[[Exchange], bytes]:
    return lambda x: x.whole().replace(b"\r\n", b"\r\n%s\r\n" % line, 1)


def _chunked(rest: Callable[[bytes], bytes]) -> Callable[[Exchange], bytes]:
    return lambda x: x.head(transfer_encoding="chunked") + rest(x.content)


replies(
    "204-with-a-body",
    each(f"{INVALID}|{CONNECTION}", streams=f"{TRUNCATED}|{CONNECTION}"),
    lambda x: x.whole(None, 204),
)
replies(
    "304-with-a-body", each(f"{STATUS}|{CONNECTION}", fetch=f"{INVALID}|{CONNECTION}"), lambda x: x.whole(None, 304)
)
replies(
    "same-length-twice",
    each(EITHER),
    lambda x: x.head(content_length=len(x.content), Content_Length=len(x.content)) + x.content,
)
replies(
    "length-and-chunks",
    each(EITHER),
    lambda x: x.head(content_length=3, transfer_encoding="chunked") + chunk(x.content) + b"0\r\n\r\n",
)
replies(
    "odd-transfer-encoding",
    each(f"{CONNECTION}|{TIMEOUT}", streams=EITHER),
    lambda x: x.head(transfer_encoding="xyz") + x.content,
)
replies("length-of-words", each(CONNECTION), lambda x: x.head(content_length="ten") + x.content)
replies("huge-length", each(CONNECTION), lambda x: x.head(content_length="9" * 30) + x.content)
replies("folded-header", each(OK), _with_line(b"x-a: b\r\n c"))
replies("header-without-colon", each(CONNECTION), _with_line(b"nonsense"))
replies("header-of-bytes", each(OK), _with_line(b"x-a: \xff\xfe\xc3\xa9"))
replies("header-with-nul", each(CONNECTION), _with_line(b"x-a: a\0b"))
replies("header-of-60-kb", each(EITHER), _with_line(b"x-a: " + b"a" * 60_000))
replies("thousands-of-headers", each(EITHER), lambda x: x.whole(**{f"x_{number}": number for number in range(3000)}))
replies("bare-lf-head", each(OK), lambda x: x.head(content_length=len(x.content)).replace(b"\r\n", b"\n") + x.content)
replies(
    "chunk-extensions", each(OK), _chunked(lambda content: b"%x;a=b;c\r\n%s\r\n0;z\r\n\r\n" % (len(content), content))
)
replies("trailers", each(OK), _chunked(lambda content: chunk(content) + b"0\r\nserver-timing: a\r\nx-t: 1\r\n\r\n"))
replies("negative-chunk", each(CONNECTION), _chunked(lambda content: b"-5\r\n" + content))
replies("huge-chunk", each(CONNECTION), _chunked(lambda content: b"f" * 40 + b"\r\n" + content))
replies("199", each(TIMEOUT), refusal(199))
for status, error in ((300, STATUS), (600, SERVER)):
    replies(f"{status}", each(error, fetch=INVALID if status == 300 else error), refusal(status))


@fault(each(TIMEOUT))
async def hang_after_a_hint(x: Exchange) -> None:
    await x.send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
    await x.hang()


@fault(each(f"{CONNECTION}|{TIMEOUT}"))
async def endless_chunk_extension(x: Exchange) -> None:
    await x.send(x.head(transfer_encoding="chunked") + b"5;a=")
    for _ in range(4000):
        await x.send(b"x" * 65536)
        await asyncio.sleep(0)


@fault(each(CONNECTION, streams=EITHER))
async def endless_trailers(x: Exchange) -> None:
    await x.send(x.head(transfer_encoding="chunked") + chunk(x.content) + b"0\r\n")
    for number in range(4000):
        await x.send(b"x-%d: %s\r\n" % (number, b"y" * 8000))
        await asyncio.sleep(0)


@fault(each(OK, once=CONNECTION), warm=True)
async def closed_at_the_next_request(x: Exchange) -> None:
    """An idle connection that ends just when it is used again: a create may have been done."""
    await (x.close() if x.count == 2 else x.send(x.whole()))


connection("answers-early", each(STATUS))
LATER = "Fri, 31 Dec 9999 23:59:59 GMT"
for named, value in (("far-date", LATER), ("billion", "1000000000"), ("digits", "9" * 400)):
    at_first(f"429-{named}", each(LIMIT), refusal(429, value), total=9.0, operations=SOME)
for status in (307, 308):
    replies(
        f"{status}-to-another-port",
        each(STATUS, fetch=CONNECTION),
        lambda x, status=status: x.head(
            status, location=f"https://127.0.0.1:{x.ports['refused']}/x?Signature=presigned-5ecret", content_length=0
        ),
    )

# Codings that were not asked for, and odd ones.
for coding in ("br", "zstd"):
    replies(
        f"unasked-{coding}",
        each(INVALID, streams=f"{INVALID}|{TRUNCATED}"),
        coded(coding, lambda content: b"\x0b\x02\x80" + content[::-1]),
    )
replies(
    "unknown-coding", each(INVALID, streams=f"{INVALID}|{TRUNCATED}"), coded("x-unknown", lambda content: content[::-1])
)
replies("raw-deflate", each(OK, fetch=INVALID), coded("deflate", lambda content: zlib.compress(content)[2:-4]))
replies(
    "gzip-twice",
    each(INVALID, streams=f"{INVALID}|{TRUNCATED}"),
    coded("gzip, gzip", lambda content: gzip.compress(gzip.compress(content))),
)
# aiohttp before 3.14.4 knows the name in small letters only.
_any_case = tuple(map(int, re.findall(r"\d+", version("aiohttp"))[:3])) >= (3, 14, 4)
replies("upper-gzip", each(OK if _any_case else f"{OK}|{INVALID}", fetch=INVALID), coded("GZIP", gzip.compress))
replies("identity", each(OK), coded("Identity", bytes))
replies("empty-coding", each(OK), coded("", bytes))
replies(
    "gzip-and-more",
    each(f"{OK}|{INVALID}", fetch=INVALID),
    coded("gzip", lambda content: gzip.compress(content) + b"more"),
)
replies(
    "gzip-in-members",
    each(OK),
    coded("gzip", lambda content: gzip.compress(content[:20]) + gzip.compress(content[20:])),
    operations=SOME,
)
replies("gzip-of-nothing", each(INVALID, streams=TRUNCATED), coded("gzip", lambda _: b""))


# Odd JSON.
def _instead_of_text(value: bytes) -> Callable[[Exchange], bytes]:
    return lambda x: x.whole(x.content.replace(b'"Hello"', value))


def _further(value: bytes) -> Callable[[Exchange], bytes]:
    return lambda x: x.whole(x.content.replace(b"{", b'{"zz": %s, ' % value, 1))


replies(
    "utf-16", each(INVALID, streams=TRUNCATED), lambda x: x.whole(x.content.decode().encode("utf-16")), operations=SOME
)
replies(
    "latin-1-label",
    each(OK),
    lambda x: x.whole(content_type=f"{body(x.kind, '')[0].partition(';')[0]}; charset=latin-1"),
    text="caf\xe9",
    operations=SOME,
)
replies("nan", each(INVALID), _instead_of_text(b"NaN"), operations=SOME)
replies("huge-int", each(INVALID), _instead_of_text(b"9" * 5000), operations=SOME)
replies("wide-json", each(OK), _further(b"[" + b"1," * 100_000 + b"1]"), operations=SOME)
replies("deep-inside", each(INVALID), _further(b"[" * 5000 + b"]" * 5000), operations=SOME)
replies("json-and-more", each(INVALID, streams=OK), lambda x: x.whole(x.content + b"{}"), operations=SOME)


# Streams.
def _lines(make: Callable[[bytes], bytes]) -> Callable[[Exchange], bytes]:
    return lambda x: x.whole(b"".join(make(found) for found in x.content.split(b"\r\n\r\n") if found))


ODD_FIELDS = b"id: 7\0\nretry: 10\nevent: message\nnonsense\n: c\n%s\n\n"
replies("event-fields", each(OK), _lines(lambda event: ODD_FIELDS % event), operations=STREAMS)
replies(
    "data-in-lines", each(OK), _lines(lambda event: event.replace(b", ", b",\ndata: ", 1) + b"\n\n"), operations=STREAMS
)
replies(
    "data-without-space",
    each(OK),
    _lines(lambda event: event.replace(b"data: ", b"data:") + b"\n\n"),
    operations=STREAMS,
)
replies(
    "named-error-event",
    each("StreamError"),
    lambda x: x.whole(b'event: error\ndata: {"error": {"message": "died", "code": 503}}\n\n'),
    operations=STREAMS,
)
replies("events-after-the-end", each(INVALID), lambda x: x.whole(x.content + b"data: x\n\n"), operations=STREAMS)
replies("a-million-comments", each(OK), lambda x: x.whole(b": p\n\n" * 250_000 + x.content), operations=STREAMS)


@fault(each(OK), operations=STREAMS)
async def open_after_the_end(x: Exchange) -> None:
    """The last event has come, and the server does not hang up."""
    await x.send(x.head(transfer_encoding="chunked") + chunk(x.content))
    await x.hang()
