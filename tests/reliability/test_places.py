"""What stands between the client and the server, or where the server is: proxies that refuse or say nothing, TLS that hangs, IPv6."""

from __future__ import annotations

import socket
import time

import pytest

from core._api import EVERY, OWN, Api
from core._server import COMPLETION, HANG, MODEL, Server, reply
from llmengine_integrations.core._timeouts import Timeout
from llmengine_integrations.errors import APIConnectionError, APIStatusError, APITimeoutError
from reliability._matrix import Held, settled

PASSWORD = "hunter2"
REFUSED = reply(407, b"<html>Who are you?</html>", proxy_authenticate='Basic realm="x"', content_type="text/html")


@pytest.fixture
def proxy(monkeypatch):
    with Server() as proxy:
        url = proxy.url.replace("http://", f"http://user:{PASSWORD}@")
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            monkeypatch.setenv(name, url)
        monkeypatch.setenv("NO_PROXY", "")
        yield proxy


def made(kind, url, **settings):
    return Api(kind, url, **{"api_key": "sk-proxy-5ecret", "max_retries": 0, "allow_http": True} | settings)


@pytest.mark.parametrize("kind", OWN)
async def test_a_proxy_that_wants_another_password(kind, proxy):
    """Over http it answers in the server's place; over https it lets nothing through, so that nothing was sent."""
    proxy.always(REFUSED)
    before = Held.now()
    for url, expected in (("http://gateway.example", APIStatusError), ("https://gateway.example", APIConnectionError)):
        api = made(kind, url)
        with pytest.raises(expected) as caught:
            await api.create()
        await api.close()
        shown = str(caught.value) + repr(vars(caught.value))
        assert "407" in shown
        assert PASSWORD not in shown
        assert "5ecret" not in shown
        assert isinstance(caught.value, APIStatusError) or not caught.value.sent
    connect = proxy.received[-1]
    assert connect.method == "CONNECT"
    assert "authorization" not in connect.headers
    assert settled(before).files == 0


@pytest.mark.parametrize("kind", OWN)
async def test_a_proxy_that_says_nothing(kind, proxy):
    proxy.always(HANG)
    for url in ("http://gateway.example", "https://gateway.example"):
        api = made(kind, url, timeout=0.4)
        with pytest.raises(APITimeoutError):
            await api.create()
        await api.close()


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("limits", [0.4, Timeout(connect=0.4), Timeout(total=0.4)], ids=str)
async def test_a_handshake_that_never_ends(kind, limits, fault_server):
    """Nothing was sent, and it takes no longer than a connection may."""
    if kind == "async-httpx" and limits == Timeout(total=0.4):
        pytest.skip("httpcore leaves the socket of a handshake that is cancelled to the garbage collector")
    api = made(kind, fault_server.url("accept-and-hang").replace("http:", "https:"), timeout=limits)
    before, started = Held.now(), time.monotonic()
    with pytest.raises(APITimeoutError):
        await api.create()
    assert time.monotonic() - started < 15  # 20 is when the server gives up
    await api.close()
    assert settled(before).files == 0


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
@pytest.mark.parametrize("kind", EVERY)
async def test_ipv6(kind, tmp_path, monkeypatch):
    real = socket.create_server
    monkeypatch.setattr(socket, "create_server", lambda address, **how: real(("::1", 0), family=socket.AF_INET6, **how))
    try:
        server = Server()
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with server:
        url = server.url.replace("127.0.0.1", "[::1]")
        server.then(COMPLETION).then(reply(200, MODEL)).then(reply(200, {"urls": {"f": f"{url}/f?s"}})).always(
            reply(200, b"data")
        )
        api = Api(kind, url, api_key="k")
        assert (await api.create()).output.text == "Hello"
        assert (await api.call("models.get", "m")).name == "m"
        paths = await api.call("models.download", "m", tmp_path)
        assert paths["f"].read_bytes() == b"data"
        await api.close()
        assert server.received[0].headers["host"] == url.removeprefix("http://")
