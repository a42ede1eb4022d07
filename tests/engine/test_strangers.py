"""What a client without the key, or a web page in a browser on this machine, gets from an engine: nothing."""

from __future__ import annotations

import socket
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr
from starlette.routing import Route

from llmengine_integrations.engine.config import EngineConfig
from llmengine_integrations.engine.http import request_bodies as requests

from .fakes import FakeBatch, fake_lane, running

MODELS = "/v1/llm/model-endpoints"
SYNC = "/v1/llm/completions-sync"
BATCHES = "/v2/batch-completions"
KEY = ("key", "")
OPEN = {"/healthcheck", "/healthz", "/readyz"}
STATIC = {"/", "/page/{name}"}  # the status page itself; what it shows it asks of routes that need the key
SIGNED = "/v1/llm/model-downloads/{model}/{filename}"


@pytest.fixture(scope="module")
def server():
    config = EngineConfig(port=0, api_key=SecretStr("key"))
    with running(config, lambda: {"llmengine-tiny": fake_lane(FakeBatch())}) as (url, server):
        yield url, server


@pytest.fixture(scope="module")
def url(server):
    return server[0]


@pytest.fixture(scope="module")
def keyless():
    with running(EngineConfig(port=0), lambda: {"llmengine-tiny": fake_lane(FakeBatch())}) as (url, _):
        yield url


@pytest.fixture(scope="module")
def http(url):
    with httpx.Client(base_url=url, timeout=30) as http:
        yield http


@pytest.fixture(scope="module")
def keyless_http(keyless):
    with httpx.Client(base_url=keyless, timeout=30) as http:
        yield http


def routes(server) -> set[tuple[str, str]]:
    found = [route for route in server._engine.app.routes if isinstance(route, Route)]
    assert len(found) == len(server._engine.app.routes)
    return {(method, route.path) for route in found for method in route.methods - {"HEAD"}}


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer kez"}, {"x-api-key": "key"}, {"authorization": "Basic a2V6Og=="}]
)
def test_no_route_is_open_without_the_key(server, http, headers):
    asked = routes(server[1])
    assert len(asked) > 25
    for method, path in asked:
        target = path.replace("{", "").replace("}", "")
        replies = [
            http.request(method, target, headers=headers, **body)
            for body in ({}, {"json": {}}, {"files": {"file": b"a"}})
        ]
        wanted = 200 if path in OPEN or path == "/" else 404 if path in STATIC else 403 if path == SIGNED else 401
        assert {reply.status_code for reply in replies} == {wanted}, (method, path)


def test_a_download_needs_its_own_signature(http):
    path = "/v1/llm/model-downloads/a/config.json"
    for query in ("", "?Expires=99999999999&Signature=" + "0" * 64, "?Expires=x&Signature=\u00e9", "?Signature="):
        assert http.get(path + query, auth=KEY).status_code == 403


def endless(piece: bytes = b" " * 2**16):
    while True:
        yield piece


@pytest.mark.parametrize("path", [f"{SYNC}?model_endpoint_name=llmengine-tiny", "/v2/chat/completions", BATCHES])
@pytest.mark.parametrize(("auth", "status"), [(KEY, 413), (None, 401)])
def test_bodies_without_end(url, http, path, auth, status, monkeypatch):
    """A body that says how long it is is refused unread, and any other when it is too long."""
    monkeypatch.setattr(requests, "_LARGEST_BODY", 2**20)
    assert announced(url, path, 2 * 2**30, auth) == status
    with suppress(httpx.ReadError, httpx.RemoteProtocolError):  # the end of the connection may overtake the reply
        assert http.post(path, content=endless(), auth=auth).status_code == status


def announced(url: str, path: str, length: int, auth: tuple[str, str] | None) -> int:
    """The status for a body of which nothing is sent but its length."""
    address = urlsplit(url)
    key = "Authorization: Basic a2V5Og==\r\n" if auth else ""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{key}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(head.encode())
        return int(connection.recv(100).split()[1])


def test_a_stranger_who_takes_its_time_is_told_so(url, monkeypatch):
    monkeypatch.setattr(requests, "_PATIENCE", 0.1)
    assert announced(url, "/v2/chat/completions", 10, None) == 401


def test_bodies_up_to_the_limit(http):
    """A batch's content may be long."""
    content = {"prompts": ["a" * 3_000_000], "max_new_tokens": 1, "temperature": 0}
    body = {"output_data_path": "o.json", "model_config": {"model": "llmengine-tiny"}, "content": content}
    assert http.post(BATCHES, json=body, auth=KEY).status_code == 200
    assert http.post(BATCHES, json=body).status_code == 401


def test_no_other_site_may_ask(http, keyless_http):
    """Browsers ask first, and are not told that it is allowed."""
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for asking, status in ((http, 405), (keyless_http, 403)):
        for path in (SYNC, MODELS, "/v1/files", "/healthz", "/v2/chat/completions"):
            reply = asking.options(path, headers=asked)
            assert reply.status_code == status
            assert not [name for name in reply.headers if name.startswith("access-control")]
    reply = http.get(MODELS, auth=KEY, headers=asked)
    assert (reply.status_code, "access-control-allow-origin" in reply.headers) == (200, False)


HOSTS = ["localhost", "LOCALHOST:80", "127.0.0.1:5005", "127.9.9.9", "[::1]:80", "engine.localhost"]
FOREIGN = [
    "evil.example",
    "evil.example:5005",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "0.0.0.0",  # noqa: S104 - a name that is refused
    "",
    "[",
    "a@b",
]


@pytest.mark.parametrize("host", HOSTS)
def test_an_engine_without_a_key_answers_to_its_machines_names(keyless_http, host):
    assert keyless_http.get(MODELS, auth=KEY, headers={"Host": host}).status_code == 200
    assert keyless_http.get(MODELS, auth=KEY, headers={"Origin": f"http://{host}"}).status_code == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_and_to_no_others(keyless_http, http, host):
    """A web page can have its name lead to this machine, and pages of any name can ask."""
    for headers in ({"Host": host}, {"Origin": f"http://{host}"}, {"Origin": "null"}):
        reply = keyless_http.get(MODELS, auth=KEY, headers=headers)
        assert reply.status_code == 403, headers
        assert "--api-key" in reply.json()["detail"]
    assert http.get(MODELS, auth=KEY, headers={"Host": host}).status_code == 200


def test_the_key_is_compared_in_constant_time(http, monkeypatch):
    compared = []
    compare = requests.Authenticator.check.__globals__["hmac"].compare_digest
    monkeypatch.setattr("hmac.compare_digest", lambda *pair: compared.append(pair) or compare(*pair))
    for key in ("k", "key", "kez", "a" * 100):
        http.get(MODELS, auth=(key, ""))
        http.get(MODELS, headers={"Authorization": f"Bearer {key}"})
    assert len(compared) == 8
