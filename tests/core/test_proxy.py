"""Which proxy a request goes through, as a table of the rules of requests and curl; and what the proxy is sent."""

from __future__ import annotations

import base64
import socket

import pytest

from core._server import COMPLETION, reply
from llmengine_integrations import Client
from llmengine_integrations._shared.loopback import is_loopback
from llmengine_integrations.core._proxies import Proxy, proxy_for
from llmengine_integrations.errors import APIConnectionError, ConfigurationError

PROXY = "http://proxy.example:3128"
BOTH = {"http_proxy": PROXY, "https_proxy": PROXY}

DIRECT = [
    ("*", "http://llm.example"),
    ("localhost, *", "http://llm.example"),
    ("llm.example", "https://llm.example/path?query"),
    ("llm.example", "http://llm.example:5005"),
    ("LLM.Example", "http://llm.EXAMPLE"),
    ("example", "http://llm.example"),
    (".llm.example", "http://a.b.llm.example"),
    (".llm.example", "http://llm.example"),
    ("*.llm.example", "http://a.llm.example"),
    ("*.llm.example", "http://llm.example"),
    ("llm.example.", "http://llm.example"),
    ("llm.example", "http://llm.example."),
    (".llm.example.", "http://a.llm.example"),
    ("a.example,llm.example", "http://llm.example"),
    ("a.example  llm.example\tb.example", "http://llm.example"),
    (" , ,,llm.example, ", "http://llm.example"),
    ("llm.example:5005", "http://llm.example:5005"),
    ("llm.example:443", "https://llm.example"),
    ("llm.example:80", "http://a.llm.example"),
    ("b\u00fccher.example", "http://xn--bcher-kva.example"),
    ("xn--bcher-kva.example", "http://b\u00fccher.example"),
    (".B\u00dcCHER.example", "http://a.xn--bcher-kva.example"),
    ("10.1.2.3", "http://10.1.2.3:5005"),
    ("10.1.2.3:5005", "http://10.1.2.3:5005"),
    ("10.0.0.0/8", "http://10.1.2.3:5005"),
    ("10.9.9.9/8", "https://10.1.2.3"),
    ("10.0.0.0/255.0.0.0", "http://10.1.2.3"),
    ("127.0.0.1, 192.168.0.0/16", "http://192.168.7.7"),
    ("0.0.0.0/0", "http://10.1.2.3"),
    ("10.1.2.3/32", "http://10.1.2.3"),
    ("10.0.0.0/8", "http://10.66051"),
    ("10.0.0.0/8", "http://0x0a.1.2.3"),
    ("10.0.0.0/8", "http://[::ffff:10.1.2.3]"),
    ("::ffff:10.0.0.0/104", "http://10.1.2.3"),
    ("10.1.2.3", "http://[::ffff:a01:203]"),
    ("fd00::1", "http://[fd00::1]:5005"),
    ("[fd00::1]", "http://[fd00::1]:5005"),
    ("[fd00::1]:5005", "http://[fd00::1]:5005"),
    ("fd00:0:0:0::0001", "http://[fd00::1]"),
    ("FD00::A", "http://[fd00::a]"),
    ("fd00::/8", "http://[fd00::1]:5005"),
    ("[fd00::]/8", "http://[fd00::1]:5005"),
    ("[fd00::/8]", "http://[fd00::1]:5005"),
    ("::/0", "http://[fd00::1]"),
    ("fe80::/10", "http://[fe80::1%25eth0]"),
    ("fe80::1%eth0", "http://[fe80::1%25eth0]"),
]
PROXIED = [
    ("", "http://llm.example"),
    (" ,, ", "http://llm.example"),
    ("m.example", "http://llm.example"),
    ("llm.example", "http://llm.example.org"),
    ("a.llm.example", "http://llm.example"),
    ("llm.example:5005", "http://llm.example"),
    ("llm.example:80", "https://llm.example"),
    ("10.1.2.3:5005", "http://10.1.2.3:80"),
    ("2.3", "http://10.1.2.3"),
    ("*.3", "http://10.1.2.3"),
    ("[fd00::1]:5005", "http://[fd00::1]"),
    ("10.0.0.0/8", "http://11.1.2.3"),
    ("10.0.0.0/8", "http://10.example"),
    ("10.0.0.0/8", "http://[fd00::1]"),
    ("fd00::/8", "http://10.1.2.3"),
    ("fd00::/8", "http://[fe80::1]"),
]
NONSENSE = ["10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/x", "10.0.0.0/", "/8", "fd00::/129", "[fd00::1", "fd00::1]", "[]", "]", ":", ":80",
            "a:", ".", "..", "*.", "http://llm.example", "%", "10.1.2.999", "\udcff", "a" * 300, "\u00fc" * 70, "\0", "::1::2", "(", "x/8/8"]  # fmt: skip # noqa: E501


@pytest.mark.parametrize(("exceptions", "url"), DIRECT)
def test_what_no_proxy_names_goes_direct(exceptions, url):
    assert proxy_for(url, BOTH | {"no_proxy": exceptions}) is None


@pytest.mark.parametrize(("exceptions", "url"), PROXIED)
def test_what_it_does_not_name_goes_through_the_proxy(exceptions, url):
    assert proxy_for(url, BOTH | {"no_proxy": exceptions}) == PROXY


@pytest.mark.parametrize("url", ["http://llm.example", "http://10.1.2.3", "https://[fd00::1]:5005"])
def test_entries_that_make_no_sense_name_nothing_and_hide_nothing(url):
    for entry in NONSENSE:
        assert proxy_for(url, BOTH | {"no_proxy": entry}) == PROXY, entry
    assert proxy_for(url, BOTH | {"no_proxy": ",".join([*NONSENSE, "llm.example,10.0.0.0/8,fd00::/8"])}) is None


@pytest.mark.parametrize(
    ("environ", "url", "expected"),
    [
        ({}, "http://h", None),
        ({"HTTP_PROXY": "http://up:1"}, "http://h", "http://up:1"),
        ({"HTTP_PROXY": "http://up:1", "http_proxy": "http://low:1"}, "http://h", "http://low:1"),
        ({"HTTP_PROXY": "http://up:1", "http_proxy": ""}, "http://h", None),
        ({"HTTP_PROXY": "http://up:1", "REQUEST_METHOD": "GET"}, "http://h", None),
        ({"http_proxy": "http://low:1", "REQUEST_METHOD": "GET"}, "http://h", "http://low:1"),
        ({"HTTPS_PROXY": "http://up:1", "REQUEST_METHOD": "GET"}, "https://h", "http://up:1"),
        ({"HTTPS_PROXY": "http://up:1"}, "http://h", None),
        ({"ALL_PROXY": "http://all:1"}, "https://h", "http://all:1"),
        ({"ALL_PROXY": "http://all:1", "https_proxy": "http://s:1"}, "https://h", "http://s:1"),
        ({"http_proxy": " plain:3128 "}, "http://h", "http://plain:3128"),
        ({"http_proxy": "https://tls:3128"}, "http://h", "https://tls:3128"),
        ({"HTTP_PROXY": PROXY, "NO_PROXY": "h"}, "http://h", None),
        ({"HTTP_PROXY": PROXY, "NO_PROXY": "h", "no_proxy": ""}, "http://h", None),
        ({"HTTP_PROXY": PROXY, "NO_PROXY": "h", "no_proxy": "other"}, "http://h", PROXY),
        ({"ALL_PROXY": "socks5://s:1", "NO_PROXY": "h"}, "http://h", None),
        ({"http_proxy": PROXY}, "http://127.1", None),
        ({"http_proxy": PROXY}, "http://[::ffff:127.0.0.1]:5005", None),
        ({"http_proxy": PROXY}, "http://localhost.:5005", None),
        ({"http_proxy": PROXY}, "http://[::1", None),
        ({"http_proxy": PROXY}, "http://h:99999", None),
    ],
)
def test_which_variable_counts(environ, url, expected):
    assert proxy_for(url, environ) == expected


@pytest.mark.parametrize(
    "proxy",
    ["socks5://u:sesame@h:1", "socks5h://h", "ftp://u:sesame@h", "http://u:sesame@h:port", "http://u:sesame@[::1",
     "u:sesame/x@h:1", "u:1/sesame@h:1", "u:1#sesame@h:1", "http://", "http://u:sesame@h:99999"],
)  # fmt: skip
def test_a_proxy_that_cannot_be_used_is_refused_without_its_password(proxy):
    with pytest.raises(ConfigurationError, match=r"http_client|not a valid URL") as caught:
        proxy_for("http://h", {"http_proxy": proxy})
    assert "sesame" not in str(caught.value) + repr(caught.value.__context__)


def basic(credentials: bytes) -> str:
    return f"Basic {base64.b64encode(credentials).decode()}"


@pytest.mark.parametrize(
    ("userinfo", "sent"),
    [
        ("user:p%C3%A4ss@", "user:p\u00e4ss".encode()),
        ("user:p\u00e4ss@", "user:p\u00e4ss".encode()),
        ("user:%F0%9F%98%80@", "user:\U0001f600".encode()),
        ("user:%E4@", b"user:\xe4"),
        ("us%40er:a%3Ab%2Fc%25@", b"us@er:a:b/c%"),
        ("user:a:b@", b"user:a:b"),
        ("user:a@b@", b"user:a@b"),
        ("user:100%@", b"user:100%"),
        ("user@", b"user:"),
        ("user:@", b"user:"),
        (":word@", b":word"),
        ("us%3Aer:word@", b"us:er:word"),
        ("@", None),
        ("", None),
    ],
)
async def test_its_user_and_password_are_sent_the_same_by_both_clients(userinfo, sent, connect, server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", server.url.replace("http://", f"http://{userinfo}"))
    server.then(COMPLETION)
    await connect("http://llm.invalid", api_key="k").create()
    assert server.received[0].headers.get("proxy-authorization") == (sent and basic(sent))


async def test_a_tunnel_is_asked_for_with_them(connect, server, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", server.url.replace("http://", "http://user:p%C3%A4ss@"))
    server.then(reply(403, b""))
    with pytest.raises(APIConnectionError):
        await connect("https://llm.invalid", api_key="k", max_retries=0).create()
    asked = server.received[0]
    assert (asked.method, asked.target) == ("CONNECT", "llm.invalid:443")
    assert asked.headers["proxy-authorization"] == basic("user:p\u00e4ss".encode())
    assert "authorization" not in asked.headers


def test_neither_shows_in_repr():
    assert "sesame" not in repr(Proxy.of("http://user:sesame@h:1"))


@pytest.fixture
def tried(monkeypatch):
    """Where connections were tried beyond this machine; none is made."""
    found = []
    connect = socket.socket.connect

    def guarded(self, address):
        if isinstance(address, tuple) and not is_loopback(address[0]):
            found.append(address[0])
            raise ConnectionRefusedError(111, "not asked in a test")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    return found


@pytest.mark.parametrize(
    ("exceptions", "host", "address"), [("10.0.0.0/8", "10.1.2.3", "10.1.2.3"), ("fd00::/8", "[fd00::1]", "fd00::1")]
)
async def test_a_network_of_no_proxy_is_asked_direct(exceptions, host, address, connect, server, monkeypatch, tried):
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", exceptions)
    with pytest.raises(APIConnectionError):
        await connect(f"http://{host}:5005", api_key="k", allow_http=True, max_retries=0).create()
    assert tried == [address]
    assert server.received == []


def test_the_storage_that_files_come_from_has_the_same_rules(monkeypatch):
    monkeypatch.setenv("https_proxy", PROXY)
    monkeypatch.setenv("no_proxy", "10.0.0.0/8,.storage.example")
    transport = Client("http://127.0.0.1:1")._transport
    assert transport.proxy("https://10.1.2.3/bucket/file?signature=x") is None
    assert transport.proxy("https://bucket.storage.example/file") is None
    assert transport.proxy("https://bucket.storage.other/file") == PROXY


def test_the_settings_of_the_system_count_where_no_variable_does(monkeypatch):
    """As urllib finds them on macOS and Windows; there is nothing to find on Linux."""
    module = "llmengine_integrations.core._settings"
    monkeypatch.setattr(f"{module}.getproxies", lambda: {"https": PROXY})
    monkeypatch.setattr(f"{module}.proxy_bypass", lambda host: host == "near.example")
    transport = Client("http://127.0.0.1:1")._transport
    assert transport.proxy("https://far.example/x") == PROXY
    assert transport.proxy("https://near.example/x") is None
    monkeypatch.setenv("no_proxy", "other.example")
    assert transport.proxy("https://far.example/x") is None
