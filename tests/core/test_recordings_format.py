"""The machinery under the recordings: cassettes are readable, exact and free of keys, and vcrpy lets nothing else through."""

from __future__ import annotations

from functools import partial

import pytest
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.request import Request
from vcr.serialize import deserialize, serialize

from llmengine_integrations.core.errors import NotFoundError, ServerError, StreamError
from llmengine_integrations.wire.completions import Completion
from recordings import serializer
from recordings.row import KEY, Outcome, Row, play, play_async, raises, refuses, returns, streams
from recordings.rows.completion_streams import stream
from recordings.rows.completions import create
from recordings.tape import BASE_URL, PATHS, exchange, same_body, same_scheme

CASSETTES = PATHS.values()
REQUEST_HEADERS = {"authorization", "content-type", "x-api-key"}
REPLY_HEADERS = {"allow", "cache-control", "content-type", "location", "retry-after", "www-authenticate"}


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b"", None),
        (None, None),
        (b'{"text":" caf\xc3\xa9 \\"tea\\"","n":[1,-0.12000000000000004,null,1e-05]}', "json"),
        (b"null", "json"),
        (b'{"spaced": 1}', "lines"),
        (b'{"escaped":"caf\\u00e9"}', "lines"),
        (b'{"twice":1,"twice":2}', "lines"),
        (b'data: {"a":1}\r\n\r\n: ping - now\r\n\r\n', "lines"),
        (b"a\nb\r\nc\rd\x85\x00\r\n", "bytes"),
        ("line\u2028end\x00\r\n\n".encode(), "lines"),
        (b"\xff\xfe\x00\r\n", "bytes"),
    ],
)
def test_every_body_comes_back_byte_for_byte(body: bytes | None, form: str | None) -> None:
    reply = {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": body}}
    request = Request("POST", BASE_URL, body, {})

    text = serialize({"requests": [request], "responses": [reply]}, serializer)
    (request,), (reply,) = deserialize(text, serializer)

    assert request.body == reply["body"]["string"] == (body or b"")
    assert (f"    body:\n      {form}:" in text) == (form is not None)


def test_a_body_of_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="json, lines or bytes"):
        serializer.unpack({"yaml": 1})


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_a_cassette_is_as_the_serializer_writes_it(path) -> None:
    text = path.read_text("utf-8")
    requests, replies = deserialize(text, serializer)
    assert serialize({"requests": requests, "responses": replies}, serializer) == text


@pytest.mark.parametrize("name", PATHS)
def test_a_cassette_holds_one_exchange_without_keys(name: str) -> None:
    recorded = exchange(name)
    request = recorded.request
    assert request.uri.startswith(f"{BASE_URL}/")
    assert set(request.headers) <= REQUEST_HEADERS
    assert set(recorded.headers) <= REPLY_HEADERS
    assert request.headers.get("authorization", "Basic scrubbed").split(" ")[1:] == ["scrubbed"]
    assert request.headers.get("x-api-key", "scrubbed") == "scrubbed"


def test_streams_keep_their_line_ends() -> None:
    content = exchange("058-stream-ping-comment").content
    assert content.count(b"\r\n\r\n") == 5
    assert content.count(b"\n") == content.count(b"\r") == 10
    assert content.endswith(b"\r\n\r\n")


def _request(body: bytes, kind: str = "application/json", **headers: str) -> Request:
    return Request("POST", BASE_URL, body, {"content-type": kind, **headers})


def _form(boundary: str, filename: str = "a.csv", content: str = "a,b\n") -> Request:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
    body = f"{head}Content-Type: text/csv\r\n\r\n{content}\r\n--{boundary}--\r\n"
    return _request(body.encode(), f"multipart/form-data; boundary={boundary}")


@pytest.mark.parametrize(
    ("ours", "recorded"),
    [
        (_request(b'{"a": 1, "b": [2]}'), _request(b'{"b":[2.0],"a":1.0}')),
        (_request(b""), Request("POST", BASE_URL, None, {})),
        (_form("one"), _form("two")),
    ],
)
def test_bodies_that_mean_the_same_match(ours: Request, recorded: Request) -> None:
    same_body(ours, recorded)


@pytest.mark.parametrize(
    ("ours", "recorded"),
    [
        (_request(b'{"a":1}'), _request(b'{"a":true}')),
        (_request(b'{"a":1}'), _request(b'{"a":1,"b":null}')),
        (_request(b'{"a":[1,2]}'), _request(b'{"a":[2,1]}')),
        (_request(b"{}"), _request(b"")),
        (_form("one"), _form("one", filename="b.csv")),
        (_form("one"), _form("one", content="a,b\r\n")),
    ],
)
def test_bodies_that_differ_do_not_match(ours: Request, recorded: Request) -> None:
    with pytest.raises(AssertionError):
        same_body(ours, recorded)


def test_kinds_of_credentials_are_told_apart() -> None:
    same_scheme(_request(b"", authorization="Basic x"), _request(b"", authorization="Basic scrubbed"))
    with pytest.raises(AssertionError):
        same_scheme(_request(b"", authorization="Bearer x"), _request(b"", authorization="Basic scrubbed"))


@pytest.mark.parametrize("call", [create(temperature=0.3), create("mpt-7b"), stream()], ids=["body", "query", "path"])
async def test_what_is_not_recorded_is_not_sent(call) -> None:
    row = Row("010-sync-ok", call, returns(None))
    with pytest.raises(CannotOverwriteExistingCassetteException):
        play(row)
    with pytest.raises(CannotOverwriteExistingCassetteException):
        await play_async(row)


_MISSING = "The specified endpoint could not be found."
_BAD = "Input validation error: prompt was rejected by the model server"
_SERVER_ERROR = "Internal error occurred. Our team has been notified."
_TEXT = partial(streams, of=lambda event: event.output.text)


@pytest.mark.parametrize(
    "row",
    [
        Row("010-sync-ok", create(), returns("another", of=lambda reply: reply.output.text)),
        Row("010-sync-ok", create(), raises(ServerError, _SERVER_ERROR)),
        Row("010-sync-ok", create(), refuses(TypeError, "")),
        Row("017-sync-ok-unknown-field-ignored", create(bogus=1), refuses(TypeError, "another message")),
        Row("041-sync-500-unhandled", create(prompt="[[unhandled]]"), raises(ServerError, _SERVER_ERROR)),
        Row("022-sync-404-model", create("no-such-model"), raises(ServerError, _MISSING)),
        Row("022-sync-404-model", create("no-such-model"), raises(NotFoundError, "The specified endpoint")),
        Row("046-stream-ok", stream(), _TEXT([" Once", " upon", " a", " time", ","])),
        Row("057-stream-first-chunk-400", stream(prompt="[[bad-request]]"), raises(StreamError, _BAD, after=[" Once"])),
        Row(
            "022-sync-404-model",
            create("no-such-model"),
            raises(NotFoundError, _MISSING),
            first=("022-sync-404-model",),
        ),
    ],
    ids=lambda row: f"{row}-{type(row.expect).__name__}",
)
async def test_a_wrong_row_fails(row: Row) -> None:
    with pytest.raises(AssertionError):
        play(row)
    with pytest.raises(AssertionError):
        await play_async(row)


def test_a_reply_that_lost_a_field_fails() -> None:
    recorded = exchange("010-sync-ok")
    whole = Completion.model_validate_json(recorded.content)
    returns(whole).check(Outcome(whole), recorded)
    lossy = whole.model_copy(update={"output": whole.output.model_copy(update={"num_prompt_tokens": None})})
    with pytest.raises(AssertionError):
        returns(lossy).check(Outcome(lossy), recorded)


def test_a_key_in_an_error_fails() -> None:
    error = NotFoundError(_MISSING, status_code=404, body={"detail": _MISSING}, headers={"echo": KEY})
    with pytest.raises(AssertionError):
        raises(NotFoundError, _MISSING).check(Outcome(error=error), exchange("022-sync-404-model"))
