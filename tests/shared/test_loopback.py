"""Client and engine agree on which hosts are this machine."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from llmengine_integrations import Client
from llmengine_integrations._shared.loopback import is_loopback
from llmengine_integrations.engine.config import EngineConfig, EngineConfigError, check_start
from llmengine_integrations.engine.http.dns_rebinding import LocalOnly
from llmengine_integrations.errors import ConfigurationError

HERE = [
    "localhost",
    "LocalHost",
    "localhost.",
    "127.0.0.1",
    "127.0.0.2",
    "127.1",
    "2130706433",
    "0x7f.1",
    "::1",
    "::ffff:127.0.0.1",
    "::1%lo",
]
NAMED = ["engine.localhost", "a.b.LOCALHOST.", "my_engine.localhost"]
AWAY = [
    "", ".", "localhost..", ".localhost", "a..localhost", "notlocalhost", "localhost.example.com", "127.0.0.1.example.com", "0.0.0.1", "::",
    "10.0.0.1", "128.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "1.0.0.127", "localhost\u3002evil.example",
]  # fmt: skip


@pytest.mark.parametrize("host", [*HERE, *NAMED])
def test_this_machine(host):
    assert is_loopback(host)
    assert is_loopback(host, subdomains=False) == (host in HERE)


@pytest.mark.parametrize("host", AWAY)
def test_other_machines(host):
    assert not is_loopback(host)


@pytest.mark.parametrize("host", [*HERE, *NAMED, *AWAY])
def test_whoever_asks_is_answered_alike(host):
    """Only what a server listens on is decided more strictly."""
    url = f"http://{f'[{host}]' if ':' in host else host}"
    assert takes_http(url) in {is_loopback(host), None}
    if host.isascii() and "%" not in host:
        assert answers(url.removeprefix("http://")) == is_loopback(host)
    assert may_listen_without_key(host) == is_loopback(host, subdomains=False)


def takes_http(url: str) -> bool | None:
    """Whether the client would send its key there in the clear; None where it does not take the URL at all."""
    try:
        client = Client(url, "key")
    except ConfigurationError as error:
        return None if "http(s) URL" in str(error) or "valid URL" in str(error) else False
    with client:
        return client._transport.settings.permitted  # pyright: ignore[reportPrivateUsage]


def answers(host: str) -> bool:
    async def app(_scope: object, _receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return TestClient(LocalOnly(app)).get("/", headers={"host": host}).status_code == 200


def may_listen_without_key(host: str) -> bool:
    try:
        check_start(EngineConfig(host=host))
    except EngineConfigError:
        return False
    return True
