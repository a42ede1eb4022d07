"""Every fault: what the server does, and what each kind of call makes of it."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import cache
from itertools import count
from time import time

from core._api import EVERY

from ._exchange import EVENTS, TEXT, Exchange, body, chunk

OPERATIONS = ("read", "create", "infer", "stream", "chat", "upload", "save", "fetch")
"""A read, a create, an inference, two streams, an upload, a file's download, a model's download from its storage."""
STREAMS = ("stream", "chat")
ONCE = ("create", "upload")
"""What is never sent twice."""
CONNECTION, TIMEOUT, INVALID, OK = "APIConnectionError", "APITimeoutError", "InvalidResponseError", "ok"
TRUNCATED, SERVER, LIMIT, STATUS = "StreamTruncatedError", "ServerError", "RateLimitError", "APIStatusError"
MIB = 1024 * 1024
RAW = "other content"
"""Of a model's file, which is whatever its storage sends: nothing tells that it should be another."""


def each(outcome: str, **others: str) -> dict[str, str]:
    """The outcome of every operation; `once`, `streams` and `files` stand for several."""
    found = dict.fromkeys(OPERATIONS, outcome)
    for names, group in (("once", ONCE), ("streams", STREAMS), ("json", ("read", "create", "infer", "upload"))):
        if names in others:
            found |= dict.fromkeys(group, others.pop(names))
    return found | others


@dataclass(frozen=True)
class Fault:
    """One row of the matrix.

    `listen` is how the connection itself fails; such a fault has a port of its own. `total` gives the call a deadline.
    """

    name: str
    expected: Mapping[str, str]
    serve: Callable[[Exchange], Awaitable[None]] | None = None
    listen: str | None = None
    text: str = TEXT
    retries: int = 1
    total: float | None = None
    warm: bool = False
    """Whether a healthy call on the same connection comes first."""
    operations: tuple[str, ...] = OPERATIONS
    kinds: tuple[str, ...] = EVERY

    @property
    def seconds(self) -> float:
        """The client's timeout: short where it runs out, long where a busy machine must not make it run out."""
        return 0.8 if any(TIMEOUT in outcome for outcome in self.expected.values()) else 10.0


FAULTS: dict[str, Fault] = {}


def fault(expected: Mapping[str, str], name: str | None = None, **how: object) -> Callable[..., object]:
    """Register what a function does to an exchange."""

    def register(serve: Callable[[Exchange], Awaitable[None]]) -> object:
        named = name or serve.__name__.strip("_").replace("_", "-")
        FAULTS[named] = Fault(named, expected, serve, **how)  # type: ignore[arg-type]
        return serve

    return register


def replies(name: str, expected: Mapping[str, str], make: Callable[[Exchange], bytes], **how: object) -> None:
    """Register a fault that is a reply sent at once."""

    async def serve(x: Exchange) -> None:
        await x.send(make(x))

    fault(expected, name, **how)(serve)


def at_first(name: str, expected: Mapping[str, str], make: Callable[[Exchange], bytes], **how: object) -> None:
    """Register a fault that only the first request of a cell meets."""

    async def serve(x: Exchange) -> None:
        await x.send(make(x) if x.count == 1 else x.whole())

    fault(expected, name, **how)(serve)


def connection(name: str, expected: Mapping[str, str], **how: object) -> None:
    """Register a fault of the connection itself."""
    FAULTS[name] = Fault(name, expected, listen=name, **how)  # type: ignore[arg-type]


# The connection.
connection("refused", each(CONNECTION))
connection("no-such-host", each(CONNECTION))
connection("accept-and-hang", each(TIMEOUT))
connection("accept-and-close", each(CONNECTION))
connection("accept-and-reset", each(CONNECTION))
connection("starts-late", each(OK), retries=6)
connection("stops-reading", each(TIMEOUT))


@fault(each(OK))
async def healthy(x: Exchange) -> None:
    await x.send(x.whole())


@fault(each(OK), warm=True)
async def closed_while_idle(x: Exchange) -> None:
    await x.send(x.whole())
    if x.count == 1:
        await x.close()


@fault(each(CONNECTION), warm=True)
async def closed_when_used_again(x: Exchange) -> None:
    await (x.send(x.whole()) if x.count == 1 else x.close())


@fault(each(OK, once=CONNECTION))
async def reset_once(x: Exchange) -> None:
    await (x.reset() if x.count == 1 else x.send(x.whole()))


@fault(each(TIMEOUT))
async def no_reply(x: Exchange) -> None:
    await x.hang()


@fault(each(CONNECTION))
async def close_before_reply(x: Exchange) -> None:
    await x.close()


@fault(each(CONNECTION))
async def half_close_before_reply(x: Exchange) -> None:
    await x.half_close()


@fault(each(CONNECTION))
async def reset_before_reply(x: Exchange) -> None:
    await x.reset()


# The head.
@fault(each(CONNECTION))
async def reset_inside_head(x: Exchange) -> None:
    await x.reset(x.head()[:30])


@fault(each(CONNECTION))
async def close_inside_head(x: Exchange) -> None:
    await x.close(x.head()[:30])


@fault(each(TIMEOUT))
async def hang_inside_head(x: Exchange) -> None:
    await x.send(x.head()[:30])
    await x.hang()


@fault(each(OK))
async def slow_head(x: Exchange) -> None:
    reply = x.whole()
    await x.send(reply[:40], 4, 0.03)
    await x.send(reply[40:])


@fault(
    each(TIMEOUT), total=0.6, kinds=("sync", "async", "async-httpx")
)  # the sockets of a user's httpx.Client know no deadline
async def endless_slow_head(x: Exchange) -> None:
    await x.send(x.head()[:-2])
    for number in count():
        await x.send(b"x-%d: y\r\n" % number, 3, 0.03)


@fault(each(CONNECTION))
async def endless_head(x: Exchange) -> None:
    await x.send(x.head()[:-2])
    for number in range(4000):
        await x.send(b"x-%d: %s\r\n" % (number, b"y" * 8000))
        await asyncio.sleep(0)


replies("giant-header", each(CONNECTION), lambda x: x.whole(x_big="y" * 200_000))
replies("two-lengths", each(CONNECTION), lambda x: x.head(content_length="5", Content_Length="7") + x.content)
replies("negative-length", each(CONNECTION), lambda x: x.head(content_length="-1") + x.content)
replies("no-http", each(CONNECTION), lambda _: b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
replies("garbage", each(CONNECTION), lambda _: bytes(range(255, 0, -1)) * 20 + b"\r\n\r\n")
replies("bad-status", each(CONNECTION), lambda x: x.whole().replace(b" 200 ", b" abc ", 1))
replies("early-hints", each(OK), lambda x: b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + x.whole())


# The body.
@fault(each(OK))
async def one_byte_at_a_time(x: Exchange) -> None:
    reply = x.whole()
    await x.send(reply[:400], 1)
    await x.send(reply[400:])


@fault(each(OK))
async def drip(x: Exchange) -> None:
    head, reply = x.head(content_length=len(x.content)), x.content
    await x.send(head)
    await x.send(reply[:10], 1, 0.06)
    await x.send(reply[10:])


@fault(each(TIMEOUT), total=0.6)
async def endless_drip(x: Exchange) -> None:
    padding = b": ping\r\n\r\n" if x.kind in STREAMS else b" "
    await x.send(x.head(transfer_encoding="chunked"))
    for _ in count():
        await x.send(chunk(padding))
        await asyncio.sleep(0.03)


@fault(each(TIMEOUT))
async def hang_inside_body(x: Exchange) -> None:
    await x.send(x.whole()[:-3])
    await x.hang()


@fault(each(CONNECTION))
async def reset_inside_body(x: Exchange) -> None:
    await x.reset(x.head(content_length=len(x.content)) + x.content[: len(x.content) // 2])


@fault(each(CONNECTION))
async def reset_without_a_length(x: Exchange) -> None:
    await x.reset(x.head() + x.content[: len(x.content) // 2])


@fault(each(CONNECTION, streams=OK))
async def length_too_long(x: Exchange) -> None:
    """A stream that has said that it is finished is whole, whatever becomes of its connection."""
    await x.close(x.head(content_length=len(x.content) + 9) + x.content)


replies(
    "length-too-short",
    each(f"{INVALID}|{CONNECTION}", streams=f"{TRUNCATED}|{CONNECTION}", fetch=f"{RAW}|{CONNECTION}"),
    lambda x: x.head(content_length=len(x.content) // 2) + x.content,
)


@fault(each(OK))
async def no_length(x: Exchange) -> None:
    await x.half_close(x.head() + x.content)


@fault(each(CONNECTION))
async def truncated_chunks(x: Exchange) -> None:
    half = len(x.content) // 2
    await x.close(x.head(transfer_encoding="chunked") + b"%x\r\n" % len(x.content) + x.content[:half])


@fault(each(CONNECTION, streams=OK))
async def no_last_chunk(x: Exchange) -> None:
    await x.close(x.head(transfer_encoding="chunked") + chunk(x.content))


replies("bad-chunks", each(CONNECTION), lambda x: x.head(transfer_encoding="chunked") + b"zz\r\n" + x.content)
replies("surplus", each(f"{OK}|{CONNECTION}"), lambda x: x.whole() + b"surplus")


# What the body says.
def _instead(content: bytes) -> Callable[[Exchange], bytes]:
    return lambda x: x.whole(content)


def _raw(mark: bytes) -> Callable[[Exchange], bytes]:
    return lambda x: x.whole(x.content.replace(TEXT.encode(), mark))


replies("wrong-type", each(OK, streams=INVALID), lambda x: x.whole(content_type="text/html"))
replies("no-type", each(OK), lambda x: x.whole(content_type=None))
replies("page", each(INVALID, fetch=RAW), lambda x: x.whole(b"<html>Sign in</html>", content_type="text/html"))
replies("empty", each(INVALID, streams=TRUNCATED, fetch=RAW), _instead(b""))
replies("no-content", each(INVALID, streams=TRUNCATED, fetch=INVALID), lambda x: x.head(204))
replies("null", each(INVALID, streams=TRUNCATED, fetch=RAW), _instead(b"null"))
replies("a-list", each(INVALID, streams=TRUNCATED, fetch=RAW), _instead(b"[]"))
replies("invalid-json", each(INVALID, fetch=OK), lambda x: x.whole(x.content.replace(b'":', b"':")))
replies("invalid-utf8", each(INVALID, fetch=OK), _raw(b"\xff\xfe"))
replies("half-a-surrogate", each(INVALID, fetch=OK), _raw(rb"\ud800"))
replies(
    "deep-json",
    each(INVALID, fetch=RAW),
    lambda x: x.whole((b"data: %s\r\n\r\n" if x.kind in STREAMS else b"%s") % (b'{"a":' * 50_000)),
)
SEPARATORS = "a\u2028b\x85c\u2029d\x1ce\x0b\x0cf"
replies("line-separators", each(OK), lambda x: x.whole(), text=SEPARATORS)
replies("lf", each(OK), lambda x: x.whole(x.content.replace(b"\r\n", b"\n") if x.kind in STREAMS else None))
replies("cr", each(OK), lambda x: x.whole(x.content.replace(b"\r\n", b"\r") if x.kind in STREAMS else None))
replies("bom", each(OK), lambda x: x.whole(b"\xef\xbb\xbf" + x.content if x.kind in STREAMS else None))


@fault(each(OK), text="x" * (2 * MIB))
async def giant(x: Exchange) -> None:
    await x.send(x.whole())


@fault(each(INVALID), operations=("read", "create", "infer", "stream", "chat", "upload"))
async def endless_body(x: Exchange) -> None:
    """A line without an end, or JSON that goes on and on."""
    await x.send(x.head(transfer_encoding="chunked"))
    start = b'data: {"' if x.kind in STREAMS else b'{"id": "'
    await x.send(chunk(start))
    block = chunk(b"x" * MIB)
    for _ in range(4096):
        await x.send(block)
        await asyncio.sleep(0)


@fault(each(SERVER))
async def error_without_end(x: Exchange) -> None:
    await x.send(x.head(500, transfer_encoding="chunked"))
    block = chunk(b"x" * MIB)
    for _ in range(4096):
        await x.send(block)
        await asyncio.sleep(0)


@fault(each(TIMEOUT), total=0.6, operations=STREAMS)
async def events_without_end(x: Exchange) -> None:
    event = body(x.kind, "x")[1].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    await x.send(x.head(transfer_encoding="chunked"))
    for _ in count():
        await x.send(chunk(event))
        await asyncio.sleep(0.02)


@fault(each(OK, json=CONNECTION, save=CONNECTION, fetch=CONNECTION), operations=STREAMS)
async def cut_after_the_last_event(x: Exchange) -> None:
    await x.reset(x.head(transfer_encoding="chunked") + chunk(x.content))


@fault(each(TRUNCATED), operations=STREAMS)
async def end_before_the_last_event(x: Exchange) -> None:
    first = x.content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    await x.send(x.whole(first))


# Codings.
def coded(coding: str, content: Callable[[bytes], bytes]) -> Callable[[Exchange], bytes]:
    """The healthy reply in a coding."""
    return lambda x: x.whole(content(x.content), content_encoding=coding)


replies("gzip", each(OK, fetch=INVALID), coded("gzip", gzip.compress))
replies("deflate", each(OK, fetch=INVALID), coded("deflate", zlib.compress))
replies("broken-gzip", each(INVALID), coded("gzip", lambda content: content))
replies("truncated-gzip", each(CONNECTION, fetch=INVALID), coded("gzip", lambda content: gzip.compress(content)[:-12]))
replies(
    "gzip-without-its-end",
    each(CONNECTION, streams=OK, fetch=INVALID),
    coded("gzip", lambda content: gzip.compress(content)[:-8]),
)


@cache
def _bomb(start: bytes) -> bytes:
    """A few kilobytes that unpack to many megabytes of one text."""
    return gzip.compress(start + b"x" * (16 * MIB))


replies(
    "gzip-bomb",
    each(INVALID),
    lambda x: x.whole(_bomb(b'data: {"' if x.kind in STREAMS else b'{"id": "'), content_encoding="gzip"),
    operations=("read", "create", "infer", "stream", "chat", "upload", "fetch"),
)


# Redirects.
replies(
    "redirect-same-origin",
    each(STATUS, fetch=OK),
    lambda x: x.whole() if x.cell.endswith("-moved") else x.head(307, location=_moved(x), content_length=0),
)
replies(
    "redirect-other-origin",
    each(STATUS, fetch=OK),
    lambda x: x.whole() if x.cell.endswith("-moved") else x.head(302, location=_moved(x, "other"), content_length=0),
)
replies(
    "redirect-loop",
    each(STATUS, fetch=INVALID),
    lambda x: x.head(308, location=f"{x.base}/blob?Signature=s", content_length=0),
)
replies("redirect-without-location", each(STATUS, fetch=INVALID), lambda x: x.head(302, content_length=0))
replies(
    "redirect-to-a-file",
    each(STATUS, fetch=INVALID),
    lambda x: x.head(302, location="file:///etc/passwd", content_length=0),
)
replies(
    "redirect-to-plain-http",
    each(STATUS, fetch=INVALID),
    lambda x: x.head(302, location="http://storage.example.com/x?Signature=presigned-5ecret", content_length=0),
)


def _moved(x: Exchange, where: str = "main") -> str:
    path = {"fetch": "/blob", "stream": "/v1/llm/completions-stream"}.get(x.kind, "/v1/llm/model-endpoints/m")
    return f"http://127.0.0.1:{x.ports[where]}{x.base}-moved{path}?Signature=presigned-5ecret"


# Statuses.
def refusal(status: int, retry_after: str | None = None) -> Callable[[Exchange], bytes]:
    """An error of a status."""
    content = b'{"error": "Too many requests"}'
    return lambda x: x.whole(content, status, content_type="application/json", retry_after=retry_after)


for status, error in ((429, LIMIT), (503, SERVER)):
    replies(f"{status}-always", each(error), refusal(status, "0"))
    for named, value in (
        ("zero", "0"),
        ("past", "Sat, 01 Jan 2000 00:00:00 GMT"),
        ("none", None),
        ("negative", "-5"),
        ("fraction", "0.5"),
        ("words", "soon"),
        ("asctime", "Sat Jan  1 00:00:00 2000"),
    ):
        at_first(f"{status}-{named}", each(OK, once=error), refusal(status, value))


def _refused_now(x: Exchange) -> bytes:
    return refusal(503, formatdate(time(), usegmt=True))(x)


at_first("503-now", each(OK, once=SERVER), _refused_now)
for status, error in ((500, SERVER), (400, "BadRequestError"), (401, "AuthenticationError"), (418, STATUS)):
    replies(f"{status}", each(error), refusal(status))
replies(
    "error-event",
    each("StreamError"),
    lambda x: x.whole(
        b'data: {"error": {"status_code": 500, "content": {"error": "Upstream died"}}}\r\n\r\n', content_type=EVENTS
    ),
    operations=STREAMS,
)
