"""Names from users and servers that try to be more than names: of models, files and ids, in URLs, forms and paths."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core._api import EVERY, OWN, Api
from core._server import COMPLETION, MODEL, Server, reply
from llmengine_integrations import Client
from llmengine_integrations.core.downloads.protocol import checked_url, safe_name
from llmengine_integrations.errors import InvalidArgumentError, InvalidResponseError, LLMEngineError

NAMES = [
    "a&model_endpoint_name=b",
    "a#b",
    "a?b=c",
    "a+b%20c%2F",
    "a\r\nX-Injected: 1\r\n\r\nGET HTTP",
    "a\nb",
    "a\0b",
    "a\tb",
    " a ",
    "é\u2028\U0001f600\u202e",
    "%2e%2e",
    "..%2f",
    "a\\..\\b",
    "...",
    "a;b",
    "a@b:c",
    "x" * 3000,
]
REFUSED = ["", ".", "..", "a/b", "../fine-tunes", "/etc/passwd", "\ud800", "a\udfffb"]


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("name", NAMES, ids=ascii)
async def test_a_name_is_one_value_of_the_query_and_one_part_of_the_path(kind, name, api, server):
    server.then(COMPLETION).then(reply(200, MODEL)).then(reply(200, {"deleted": True}))
    await api.create(name)
    await api.call("models.get", name)
    await api.call("files.delete", name)
    inference, model, file = server.received
    assert parse_qsl(urlsplit(inference.target).query, strict_parsing=True) == [("model_endpoint_name", name)]
    assert [unquote(part) for part in model.target.split("/")] == ["", "v1", "llm", "model-endpoints", name]
    assert [unquote(part) for part in file.target.split("/")] == ["", "v1", "files", name]
    assert not [request for request in server.received if "x-injected" in request.headers]


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("name", REFUSED, ids=ascii)
@pytest.mark.parametrize(
    "call", ["models.get", "models.delete", "files.get", "files.content", "fine_tunes.get", "fine_tunes.cancel"]
)
async def test_a_name_that_would_reach_another_route_is_not_sent(kind, call, name, api, server):
    with pytest.raises(InvalidArgumentError):
        await api.call(call, name)
    assert server.received == []


@pytest.mark.parametrize("name", ["", "\ud800"], ids=ascii)
async def test_an_inference_for_no_name_is_not_sent(name, api, server):
    with pytest.raises(InvalidArgumentError):
        await api.create(name)
    assert server.received == []


@pytest.fixture(scope="module")
def echo():
    with Server() as server:
        server.always(COMPLETION)
        with Client(server.url) as client:
            yield server, client


@given(st.text(min_size=1, max_size=30))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_one_value(echo, name):
    server, client = echo
    server.received.clear()
    client.completions.create(name, name)
    (request,) = server.received
    assert parse_qsl(urlsplit(request.target).query, keep_blank_values=True) == [("model_endpoint_name", name)]
    assert request.json["prompt"] == name


STORED = [
    "../../evil.txt",
    "/etc/passwd",
    "\\\\server\\share\\x",
    "C:\\Windows\\win.ini",
    "C:x",
    "con",
    "NUL.txt",
    "COM1",
    "lpt9.csv",
    "a\0b",
    "a\nb",
    "a\x1b[2Jb",
    ".",
    "..",
    "",
    " ",
    "~",
    ".bashrc/..",
    "x" * 5000,
    "é" * 300,
    "a.part",
    "a:stream",
    "a|b",
    "ends. ",
    "\u202etxt.exe",
]


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("name", STORED, ids=lambda name: ascii(name)[:20])
async def test_a_stored_name_stays_in_the_folder(kind, name, api, server, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    server.then(reply(200, {"id": "f", "filename": name, "size": 2})).then(reply(200, {"id": "f", "content": "hi"}))
    path = await api.call("files.download", "f", folder)
    assert path.parent == folder
    assert path.read_text() == "hi"
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]
    assert path.name.isprintable()
    assert len(path.name.encode()) <= 255
    assert not path.name.startswith("/")


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_stored_name_is_made_a_name(name):
    safe = safe_name(name)
    assert safe not in {"", ".", ".."}
    assert Path(safe).name == safe
    assert safe == safe_name(safe) or len(safe_name(safe)) >= len(safe)
    safe.encode()


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://h/x",
        "gopher://h/x",
        "data:text/plain,x",
        "javascript:alert(1)",
        "//h/x",
        "/etc/passwd",
        "\\\\server\\share",
        "",
        "https:///x",
        "https://",
        "https://h:99999/x",
        "https://[::1/x",
        "https://h\\@evil/x",
        "https://a b/x",
        "http://169.254.169.254/latest/meta-data",
        "http://storage.example.com/x",
        "http://127.0.0.1.example.com/x",
        "HTTP://STORAGE.example.com/x",
        "http://0x7f.1.example/x",
    ],
)
async def test_a_url_that_is_no_place_for_files_is_not_fetched(url, api, server, tmp_path):
    with pytest.raises(InvalidResponseError):
        checked_url(url, allow_http=False)
    server.then(reply(200, {"urls": {"f": url}}))
    with pytest.raises(LLMEngineError):
        await api.call("models.download", "m", tmp_path)
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []
    assert len(server.received) == 1


@pytest.mark.parametrize("kind", EVERY)
async def test_a_name_in_a_form_is_no_header(kind, server):
    api = Api(kind, server.url)
    server.always(reply(200, {"id": "f"}))
    await api.call("files.upload", b"data", 'a"\r\nX-Injected: 1\r\n\r\n--\0\\b')
    await api.close()
    head = server.received[0].body.partition(b"\r\n\r\n")[0]
    assert head.count(b"\r\n") == 2
    assert b"\0" not in head
    assert head.count(b'"') == 4
