"""The key and the presigned URLs, looked for in everything that a program could print, log, store or send on."""

from __future__ import annotations

import base64
import copy
import dataclasses
import errno
import gc
import gzip
import json
import logging
import pickle
import re
import socket
import traceback
import types
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import BaseModel

import llmengine_integrations
from core._api import EVERY, OWN, Api
from core._server import CLOSE, COMPLETION, HANG, MODEL, RESET, STREAM, Server, reply
from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.core._operation import parse
from llmengine_integrations.errors import ConfigurationError, InvalidResponseError, LLMEngineError
from llmengine_integrations.types import ModelDownload

KEY = "sk-walk-5ecret"
SIGNATURE = "X-Amz-Signature=5igned"
SECRETS = (KEY, base64.b64encode(f"{KEY}:".encode()).decode(), "5igned", "hunter2")
ROOT = Path(__file__).parent.parent
PACKAGE = Path(llmengine_integrations.__file__).parent


def told(text: str | bytes) -> list[str]:
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    return [secret for secret in SECRETS if secret in text]


def stored(value: object) -> bytes:
    try:
        return pickle.dumps(value)
    except Exception:  # noqa: BLE001 - what cannot be stored cannot leak
        return b""


def public(value: object, seen: set[int], depth: int = 0):
    """An object, and what its public attributes hold, as deep as they go."""
    if depth > 6 or id(value) in seen or isinstance(value, types.ModuleType | type | str | bytes | int | float):
        return
    seen.add(id(value))
    yield value
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from public(item, seen, depth + 1)
        return
    if not type(value).__module__.startswith("llmengine_integrations"):
        return
    for name in dir(value):
        if not name.startswith("_"):
            yield from public(getattr(value, name, None), seen, depth + 1)


@pytest.mark.parametrize("kind", EVERY)
async def test_every_public_object(kind, server):
    url = server.url.replace("http://", "http://user:hunter2@")
    api = Api(kind, url, api_key=KEY, default_headers={"X-Token": "hunter2", "authorization": "Bearer hunter2"})
    server.always(COMPLETION)
    await api.create()
    walked = list(public(api.client, set()))
    assert len(walked) > 30
    for value in walked:
        shown = repr(value) + str(value) + stored(value).decode("latin-1") + repr(copy.copy(value))
        assert not told(shown), value
    assert "hunter2" not in api.client.base_url
    await api.close()


def test_what_the_core_keeps_shows_no_key():
    """Settings, requests and what a debugger shows of local variables."""
    client = Client("http://127.0.0.1:9", KEY)
    for value in gc.get_objects():
        if str(type(value).__module__).startswith("llmengine_integrations.core") and not isinstance(value, type):
            assert not told(repr(value)), type(value)
    settings = client._transport.settings
    assert not told(repr(settings))
    assert [field.name for field in dataclasses.fields(settings) if not field.repr] == ["api_key", "headers"]


def test_presigned_urls_show_in_no_reply_of_their_own():
    """`download_urls` returns them, as values to use; what prints or logs a reply must not."""
    found = ModelDownload(urls={"a.bin": f"https://s3.example.com/a.bin?{SIGNATURE}"})
    assert not told(repr(found) + str(found))
    assert found.urls["a.bin"].endswith(SIGNATURE)


@pytest.mark.parametrize(
    "body",
    [
        {"urls": {"f": f"https://h/f?{SIGNATURE}", "g": 5}},
        {"url": f"https://h/f?{SIGNATURE}"},
        [f"https://h/f?{SIGNATURE}"],
    ],
)
def test_a_reply_that_is_no_list_of_urls_tells_none(body):
    with pytest.raises(InvalidResponseError) as caught:
        parse(ModelDownload, json.dumps(body).encode())
    error = caught.value
    assert not told("".join(traceback.format_exception(error)) + repr(error) + str(vars(error)))


ANSWERS = {
    "a refusal": lambda url: reply(403, b"<Error><Code>AccessDenied</Code><StringToSign>5igned</StringToSign></Error>"),
    "no HTTP": lambda url: b"SSH-2.0\r\n\r\n",
    "a redirect away": lambda url: reply(302, location=f"http://elsewhere.example.com/?{SIGNATURE}"),
    "a loop": lambda url: reply(302, location=f"{url}/f?{SIGNATURE}"),
    "a redirect to nonsense": lambda url: reply(302, location=f"http://[::1/?{SIGNATURE}"),
    "a redirect to a port that is none": lambda url: reply(302, location=f"http://127.0.0.1:99999/?{SIGNATURE}"),
    "a redirect to spaces": lambda url: reply(302, location=f"https://a b/?{SIGNATURE}"),
    "an empty part": lambda url: reply(416, b""),
}


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("answer", ANSWERS)
async def test_downloads_tell_no_url(kind, answer, server, naps, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    with Server() as storage:
        storage.always(ANSWERS[answer](storage.url))
        server.always(reply(200, {"urls": {"f": f"{storage.url}/f?{SIGNATURE}"}}))
        api = Api(kind, server.url, api_key=KEY)
        with pytest.raises(LLMEngineError) as caught:
            await api.call("models.download", "m", tmp_path, max_retries=0)
        await api.close()
        assert not [request for request in storage.received if told(str(request.headers))]
    error = caught.value
    shown = (
        "".join(traceback.format_exception(error)) + repr(error) + str(vars(error)) + stored(error).decode("latin-1")
    )
    assert not told(shown)
    # httpcore logs the headers of replies, and the Location of a redirect with them, when it is asked to: not ours to stop.
    assert not told("\n".join(r.getMessage() for r in caplog.records if not r.name.startswith("httpcore")))
    assert not told("".join(path.read_text("latin-1") for path in tmp_path.rglob("*") if path.is_file()))


def kept(error: BaseException) -> list[BaseException]:
    """An exception, and every other one that hangs on it."""
    found, waiting = [], [error]
    while waiting:
        each = waiting.pop()
        if each is None or any(each is known for known in found):
            continue
        found.append(each)
        waiting += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
    return found


def shown(error: BaseException) -> str:
    """Everything that a program, or a tool that reports errors, could print or store of an exception: variables of our frames included."""
    texts = ["".join(traceback.format_exception(error))]
    for each in kept(error):
        texts += [str(each), repr(each), repr(each.args), repr(vars(each)), str(getattr(each, "__notes__", ""))]
        texts += [repr(copy.copy(each)), stored(each).decode("latin-1")]
        texts += [repr(getattr(each, name, None)) for name in dir(each) if not name.startswith("__")]
        for frame, _ in traceback.walk_tb(each.__traceback__):
            if Path(frame.f_code.co_filename).is_relative_to(PACKAGE):
                texts += [f"{frame.f_code.co_qualname}.{name} = {value!r}" for name, value in frame.f_locals.items()]
    return "\n".join(texts)


def foreign(error: BaseException) -> list[BaseException]:
    """Exceptions of other libraries, which hold requests, URLs and replies."""
    return [each for each in kept(error) if not type(each).__module__.startswith("llmengine_integrations")]


@contextmanager
def full():
    """A port whose connections nobody accepts, so that to connect takes for ever."""
    with socket.socket() as listening, ExitStack() as held:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


@contextmanager
def taken():
    """A port that refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def scripted(*steps):
    """A port that answers with these."""

    @contextmanager
    def listen():
        with Server() as server:
            server.always(*(step(server.url) if callable(step) else step for step in steps))
            yield int(server.url.rpartition(":")[2])

    return listen


LOCATION = f"http://127.0.0.1:1/f?{SIGNATURE}"
TRANSPORT = {
    "does not accept": ("http", full),
    "refuses": ("http", taken),
    "refuses TLS": ("https", taken),
    "resets": ("http", scripted(RESET)),
    "closes": ("http", scripted(CLOSE)),
    "hangs": ("http", scripted(HANG)),
    "speaks no TLS": ("https", scripted(b"", CLOSE)),
    "speaks no HTTP": ("http", scripted(f"SSH-2.0 {LOCATION}\r\n\r\n".encode(), CLOSE)),
    "breaks a header": ("http", scripted(f"HTTP/1.1 200 OK\r\nLocation {LOCATION}\r\n\r\n".encode(), CLOSE)),
    "closes within the head": ("http", scripted(f"HTTP/1.1 302 X\r\nLocation: {LOCATION}\r\n".encode(), CLOSE)),
    "resets within the head": ("http", scripted(f"HTTP/1.1 302 X\r\nLocation: {LOCATION}\r\n".encode(), 0.05, RESET)),
    "hangs within the head": ("http", scripted(f"HTTP/1.1 302 X\r\nLocation: {LOCATION}\r\n".encode(), HANG)),
    "closes within the body": ("http", scripted(reply(200, b"content", content_length="99"), CLOSE)),
    "resets within the body": ("http", scripted(reply(200, b"content", content_length="99"), 0.05, RESET)),
    "resets without a length": ("http", scripted(b"HTTP/1.1 200 OK\r\n\r\ncontent", 0.05, RESET)),
    "hangs within the body": ("http", scripted(reply(200, b"content", content_length="99"), HANG)),
    "breaks a chunk": ("http", scripted(STREAM, b"5igned\r\n5igned\r\n", CLOSE)),
    "breaks a coding": ("http", scripted(reply(200, b"5igned", content_encoding="gzip"))),
    "cuts a coding": ("http", scripted(reply(200, gzip.compress(b"{}")[:-4], content_encoding="gzip"))),
    "is nowhere": ("https://no-such-host.invalid", taken),
}


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("failure", TRANSPORT)
class TestTransport:
    """Whatever breaks, from the connection to the body's last byte."""

    async def test_to_a_storage(self, kind, failure, server, caplog, tmp_path):
        caplog.set_level(logging.DEBUG)
        scheme, listen = TRANSPORT[failure]
        with listen() as port:
            url = f"{scheme if '://' in scheme else f'{scheme}://127.0.0.1'}:{port}/f?{SIGNATURE}"
            server.always(reply(200, {"urls": {"f": url}}))
            api = Api(kind, server.url, api_key=KEY)
            with pytest.raises(LLMEngineError) as caught:
                await api.call("models.download", "m", tmp_path, max_retries=0, timeout=0.3)
            await api.close()
        assert not told(shown(caught.value))
        assert foreign(caught.value) == []
        assert not told("\n".join(r.getMessage() for r in caplog.records if not r.name.startswith("httpcore")))

    @pytest.mark.parametrize("call", ["create", "read"])
    async def test_to_the_gateway(self, kind, call, failure, caplog):
        caplog.set_level(logging.DEBUG)
        scheme, listen = TRANSPORT[failure]
        with listen() as port:
            url = scheme if "://" in scheme else f"{scheme}://user:hunter2@127.0.0.1"
            api = Api(
                kind, f"{url}:{port}", api_key=KEY, max_retries=1, timeout=0.3, default_headers={"x-token": "hunter2"}
            )
            with pytest.raises(LLMEngineError) as caught:
                await getattr(api, call)()
            await api.close()
        assert foreign(caught.value) == []
        # What a gateway sends as its answer is in the error, as it should be.
        assert not {KEY, "hunter2"} & set(told(shown(caught.value)))
        assert not {KEY, "hunter2"} & set(told(caplog.text))


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize(
    ("answer", "kept_kind"),
    [
        (reply(404, b""), FileNotFoundError),
        (reply(403, b"5igned"), OSError),
        (reply(200, b"<html>"), InvalidResponseError),
        (reply(200, b"{}"), InvalidResponseError),
    ],
    ids=["missing", "forbidden", "not JSON", "not a list"],
)
async def test_a_batch_whose_output_has_a_presigned_url(kind, answer, kept_kind, server):
    pytest.importorskip("fsspec")
    server.always(answer)
    api = Api(kind, server.url, api_key=KEY)
    with pytest.raises(kept_kind) as caught:
        await api.call("batch_completions.results", f"{server.url}/out.json?{SIGNATURE}")
    await api.close()
    assert f"{server.url}/out.json" in str(caught.value)
    assert not told(str(caught.value) + repr(caught.value) + "".join(traceback.format_exception(caught.value)))
    assert not told("".join(repr(vars(each)) + repr(each.args) for each in kept(caught.value)))


PROXY = {
    "refuses": taken,
    "does not accept": full,
    "resets": scripted(RESET),
    "closes": scripted(CLOSE),
    "hangs": scripted(HANG),
    "wants another password": scripted(reply(407, b"", proxy_authenticate="Basic realm=x")),
    "fails": scripted(reply(502, b"")),
    "speaks no HTTP": scripted(b"SSH-2.0 hunter2\r\n\r\n", CLOSE),
    "lets no TLS through": scripted(b"HTTP/1.1 200 OK\r\n\r\n", CLOSE),
}


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("failure", PROXY)
async def test_a_proxy_on_the_way_to_a_storage(kind, failure, server, monkeypatch, tmp_path):
    """Its password is in its URL; everything beyond this machine goes to it, and so does nothing that the test opens."""
    with PROXY[failure]() as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:hunter2@127.0.0.1:{port}")
        server.always(reply(200, {"urls": {"f": f"https://storage.example.com/f?{SIGNATURE}"}}))
        api = Api(kind, server.url, api_key=KEY)
        with pytest.raises(LLMEngineError) as caught:
            await api.call("models.download", "m", tmp_path, max_retries=0, timeout=0.3)
        await api.close()
    assert not told(shown(caught.value))
    assert foreign(caught.value) == []


@pytest.mark.parametrize("kind", OWN)
async def test_the_reason_is_kept(kind, refusing_url):
    """Without the other library's exception, but in its words: types, the system's number, and why."""
    api = Api(kind, refusing_url, max_retries=0)
    with pytest.raises(LLMEngineError) as caught:
        await api.create()
    await api.close()
    cause = caught.value.__cause__
    assert cause.errno == errno.ECONNREFUSED
    library = "aiohttp.client_exceptions.ClientConnectorError" if kind == "async" else "httpx.ConnectError"
    assert str(cause).startswith(library)
    assert "ConnectionRefusedError: [Errno 111] Connection refused" in str(cause)
    assert str(pickle.loads(pickle.dumps(cause))) == str(copy.copy(cause)) == str(cause)  # noqa: S301 - our own bytes


@pytest.mark.parametrize("kind", ["sync-httpx", "async-httpx"])
async def test_hooks_of_a_users_client_see_no_presigned_url(kind, server, tmp_path):
    seen = []

    async def ahook(request):
        seen.append(str(request.url))

    given = (httpx.AsyncClient if kind.startswith("async") else httpx.Client)(
        event_hooks={"request": [ahook if kind.startswith("async") else lambda request: seen.append(str(request.url))]}
    )
    with Server() as storage:
        storage.always(reply(200, b"data"))
        server.always(reply(200, {"urls": {"f": f"{storage.url}/f?{SIGNATURE}"}}))
        api = Api(kind, server.url, api_key=KEY, http_client=given)
        await api.call("models.download", "m", tmp_path)
        await api.close()
    assert len(seen) == 1
    assert not told(seen[0])


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_of_the_gateway_is_followed_nowhere(kind, status, server):
    with Server() as other:
        other.always(COMPLETION)
        server.always(reply(status, location=f"http://user:hunter2@127.0.0.1:{other.url[-5:]}/x?{SIGNATURE}"))
        api = Api(kind, server.url, api_key=KEY)
        with pytest.raises(LLMEngineError, match=r"redirects to http://127\.0\.0\.1") as caught:
            await api.create()
        await api.close()
        assert other.received == []
    assert not told(str(caught.value) + repr(vars(caught.value)) + stored(caught.value).decode("latin-1"))


@pytest.mark.parametrize("made", [Client, AsyncClient])
def test_a_key_in_the_url_is_dropped_and_a_bad_url_is_not_repeated(made):
    assert made("http://user:hunter2@127.0.0.1:9/x").base_url == "http://127.0.0.1:9/x"
    for url in ("ftp://user:hunter2@h", "http://user:hunter2@h:port", "//user:hunter2@", "http://user:hunter2@[::1"):
        with pytest.raises(ConfigurationError) as caught:
            made(url, KEY)
        assert not told("".join(traceback.format_exception(caught.value)).replace(url, "", 1) + str(caught.value))


def test_replies_hold_nothing_of_the_request(server):
    server.always(reply(200, MODEL))
    with Client(server.url, KEY) as client:
        found = client.models.get("m")
    assert isinstance(found, BaseModel)
    assert not told(found.model_dump_json() + repr(found) + json.dumps(found.model_dump()))


def test_no_recording_holds_a_credential():
    """Cassettes, and the recordings of the gateway: none has a header or a URL that lets anyone in."""
    files = [path for folder in ("cassettes", "recordings") for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert files
    for path in files:
        text = path.read_text("utf-8", "replace")
        assert not re.search(
            r"(?i)^\s*(authorization|x-api-key|cookie)\s*:\s*(?!\s*$)(?!.*(REDACTED|scrubbed))\S", text, re.MULTILINE
        ), path
        assert not re.search(r"X-Amz-(Signature|Security-Token)=(?!REDACTED)[0-9a-zA-Z]{8,}", text), path


@pytest.mark.parametrize("made", [Client, AsyncClient])
class TestPlainHttp:
    """The key goes to a server beyond this machine in the clear only where that was said to be fine."""

    @pytest.mark.parametrize(
        "url", ["http://10.0.0.1", "http://llm-engine.default.svc.cluster.local", "http://localhost.example.com"]
    )
    async def test_needs_a_switch(self, made, url, monkeypatch):
        """Said before anything is sent, connections included."""

        async def ask(client):
            found = client.completions.create("m", "hi", timeout=5)
            return await found if made is AsyncClient else found

        with pytest.raises(ConfigurationError, match="LLM_ENGINE_ALLOW_HTTP=1") as caught:
            await ask(made(url, KEY))
        assert not told(str(caught.value))
        monkeypatch.setenv("LLM_ENGINE_ALLOW_HTTP", "0")
        with pytest.raises(ConfigurationError):
            await ask(made(url, KEY))

    @pytest.mark.parametrize("permitted", ["argument", "environment", "client"])
    def test_may_be_permitted(self, made, permitted, monkeypatch):
        given = {"allow_http": True} if permitted == "argument" else {}
        if permitted == "environment":
            monkeypatch.setenv("LLM_ENGINE_ALLOW_HTTP", "1")
        if permitted == "client":
            given["http_client"] = httpx.AsyncClient() if made is AsyncClient else httpx.Client()
        made("http://10.0.0.1", KEY, max_retries=0, **given)._transport.settings.check_encrypted()

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:5005", "http://localhost:1", "http://[::1]:2", "https://10.0.0.1"]
    )
    def test_is_fine_on_this_machine(self, made, url):
        assert made(url, KEY).base_url == url

    def test_the_switch_is_kept_in_a_pickle(self, made, monkeypatch):
        monkeypatch.setenv("SCALE_API_KEY", KEY)
        stored_ = pickle.dumps(made("http://10.0.0.1", KEY, allow_http=True))
        assert pickle.loads(stored_).base_url == "http://10.0.0.1"  # noqa: S301 - our own bytes
