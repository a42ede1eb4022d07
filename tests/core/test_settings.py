"""Where each setting comes from, and what is refused before anything is sent."""

from __future__ import annotations

import base64

import httpx
import pytest

from core._server import COMPLETION
from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.core._settings import Settings, normalise_base_url
from llmengine_integrations.core._timeouts import Timeout
from llmengine_integrations.errors import ConfigurationError

FAR = "https://llm-engine.example.com"


def resolve(environ=None, **arguments) -> Settings:
    return Settings.resolve(**arguments, environ=environ or {})


class TestBaseURL:
    def test_precedence(self):
        environ = {"LLM_ENGINE_BASE_PATH": "http://localhost:1", "LLM_ENGINE_SERVE_BASE_PATH": "http://localhost:2"}
        assert resolve(environ, base_url="http://localhost:3").base_url == "http://localhost:3"
        assert resolve(environ).base_url == "http://localhost:1"
        assert resolve({**environ, "LLM_ENGINE_BASE_PATH": ""}).base_url == "http://localhost:2"
        assert resolve({**environ, "LLM_ENGINE_BASE_PATH": ""}, base_url="").base_url == "http://localhost:2"
        assert resolve().base_url == "http://127.0.0.1:5005"

    def test_both_clients_read_the_environment_when_they_are_made(self, monkeypatch):
        for made in (Client, AsyncClient):
            monkeypatch.setenv("LLM_ENGINE_BASE_PATH", FAR)
            monkeypatch.setenv("SCALE_API_KEY", "sk-env")
            client = made()
            monkeypatch.setenv("LLM_ENGINE_BASE_PATH", "http://localhost:1")
            assert client.base_url == FAR
            assert client._transport.settings.api_key == "sk-env"

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("http://h/", "http://h"),
            ("http://h//", "http://h"),
            ("  http://h:80  ", "http://h:80"),
            ("http://h/llm-engine/", "http://h/llm-engine"),
            ("https://h/a/b", "https://h/a/b"),
            ("HTTPS://Host/Path", "https://host/Path"),
            ("http://user:secret@h:1/a?b=c#d", "http://h:1/a"),
            ("http://[::1]:5005/", "http://[::1]:5005"),
            ("http://h/a b/ü%20x", "http://h/a%20b/%C3%BC%20x"),
            ("http://bücher.example", "http://xn--bcher-kva.example"),
        ],
    )
    def test_normalised(self, given, expected):
        assert normalise_base_url(given) == expected

    @pytest.mark.parametrize(
        "given",
        [
            "localhost:5005",
            "example.com",
            "ftp://h",
            "http://",
            "/path",
            "http://h:port",
            "http://h:99999",
            "http://[::1",
            "http://a b/",
            f"http://{'a' * 64}/",
            "http://h/\udcff",
            "x",
        ],
    )
    def test_refused(self, given):
        with pytest.raises(ConfigurationError, match="base_url"):
            resolve(base_url=given, api_key="k")

    def test_a_refusal_does_not_repeat_what_may_hold_a_password(self):
        with pytest.raises(ConfigurationError) as caught:
            resolve(base_url="ftp://user:secret@h", api_key="k")
        assert "secret" not in str(caught.value)


class TestKey:
    def test_precedence(self):
        environ = {"SCALE_API_KEY": "env"}
        assert resolve(environ, api_key="argument", base_url=FAR).api_key == "argument"
        assert resolve(environ, base_url=FAR).api_key == "env"
        assert resolve(environ, api_key="", base_url=FAR).api_key == "env"
        assert resolve(api_key="  sk-1\n", base_url=FAR).api_key == "sk-1"

    @pytest.mark.parametrize("key", [None, "", "  "])
    @pytest.mark.parametrize("url", [FAR, "http://10.0.0.1", "http://localhost.example.com", "http://127.example.com"])
    def test_beyond_loopback_it_must_be_set(self, key, url):
        with pytest.raises(ConfigurationError, match=r"SCALE_API_KEY.*api_key=") as caught:
            resolve(api_key=key, base_url=url)
        assert url in str(caught.value)

    @pytest.mark.parametrize("url", ["http://localhost:1", "http://127.0.0.1", "http://127.8.9.1", "http://[::1]:2", "http://a.localhost"])  # fmt: skip # noqa: E501
    def test_on_loopback_a_placeholder_will_do(self, url):
        assert resolve(base_url=url).api_key == "local"

    @pytest.mark.parametrize("key", ["a\nb", "a\rb", "a\0b", "a\x7fb", "a\u2028b", "é:x"])
    def test_that_no_header_can_hold_is_refused(self, key):
        with pytest.raises(ConfigurationError, match="API key") as caught:
            resolve(api_key=key)
        assert key not in str(caught.value)

    @pytest.mark.parametrize(
        ("key", "authorization", "x_api_key"),
        [
            ("sk-1", "Basic " + base64.b64encode(b"sk-1:").decode(), "sk-1"),
            ("kéy", "Basic " + base64.b64encode("kéy:".encode()).decode(), None),
            ("team:sk", "Bearer team:sk", "team:sk"),
        ],
    )
    async def test_as_it_is_sent(self, key, authorization, x_api_key, connect, server):
        server.then(COMPLETION)
        await connect(api_key=key).create()
        assert server.received[0].headers["authorization"] == authorization
        assert server.received[0].headers.get("x-api-key") == x_api_key


class TestHeaders:
    async def test_of_the_user_win(self, connect, server):
        server.then(COMPLETION)
        await connect(default_headers={"User-Agent": "mine/1", "X-Team": "a\tb", "Authorization": "Bearer t"}).create()
        headers = server.received[0].headers
        assert headers["user-agent"] == "mine/1"
        assert headers["x-team"] == "a\tb"
        assert headers["authorization"] == "Bearer t"
        assert headers["content-type"] == "application/json"

    @pytest.mark.parametrize(
        "header", [("a b", "x"), ("", "x"), ("x", "a\r\nb: c"), ("x", "a\0"), ("x", "é"), ("é", "x")]
    )
    def test_that_cannot_be_sent_are_refused(self, header):
        with pytest.raises(ConfigurationError, match="default header"):
            resolve(default_headers=dict([header]))


class TestTimeouts:
    def test_default_connects_fast_and_reads_slowly(self):
        assert resolve().timeouts == Timeout(connect=5, read=600, write=600, pool=600)

    def test_seconds(self):
        assert Timeout.of(30) == Timeout(connect=5, read=30, write=30, pool=30)
        assert Timeout.of(0.5) == Timeout(connect=0.5, read=0.5, write=0.5, pool=0.5)

    def test_an_httpx_timeout_is_taken_as_it_is(self):
        assert Timeout.of(httpx.Timeout(9, connect=7, read=None)) == Timeout(connect=7, read=None, write=9, pool=9)
        assert Timeout.of(httpx.Timeout(None)) == Timeout(None, None, None, None)

    @pytest.mark.parametrize("value", [0, -1, float("nan"), httpx.Timeout(5, read=0)])
    def test_that_make_no_sense_are_refused(self, value):
        with pytest.raises(ConfigurationError, match="timeout"):
            resolve(timeout=value)

    @pytest.mark.parametrize("max_retries", [-1, -5])
    def test_neither_do_negative_retries(self, max_retries):
        with pytest.raises(ConfigurationError, match="max_retries"):
            resolve(max_retries=max_retries)


class TestProxy:
    @pytest.fixture(autouse=True)
    def proxies(self, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "plain:3128")
        monkeypatch.setenv("HTTPS_PROXY", "http://user:pw@secure:3128")
        monkeypatch.setenv("NO_PROXY", "internal.example.com,10.1.2.3")

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("http://h", "http://plain:3128"),
            ("https://h", "http://user:pw@secure:3128"),
            ("https://internal.example.com/x", None),
            ("http://10.1.2.3:8080", None),
            ("http://127.0.0.1:5005", None),
            ("http://[::1]:5005", None),
            ("http://localhost:5005", None),
        ],
    )
    def test_comes_from_the_environment_but_never_for_this_machine(self, url, expected):
        assert resolve(base_url=url, api_key="k", allow_http=True).proxy() == expected

    def test_for_everything(self, monkeypatch):
        monkeypatch.delenv("HTTP_PROXY")
        monkeypatch.setenv("ALL_PROXY", "http://all:1")
        assert resolve(base_url="http://h", api_key="k", allow_http=True).proxy() == "http://all:1"

    def test_of_another_kind_is_refused_unless_the_user_brings_a_client(self, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", "socks5://user:pw@h:1")
        with pytest.raises(ConfigurationError, match="http_client") as caught:
            Client(FAR, "k")
        assert "pw" not in str(caught.value)
        with httpx.Client(trust_env=False) as given:
            assert Client(FAR, "k", http_client=given).base_url == FAR

    async def test_is_used(self, monkeypatch, connect, server):
        monkeypatch.setenv("HTTP_PROXY", server.url.replace("http://", "http://user:pw@"))
        server.then(COMPLETION)
        assert (
            await connect("http://llm-engine.invalid/path", api_key="k", allow_http=True).create()
        ).output.text == "Hello"
        target = "http://llm-engine.invalid/path/v1/llm/completions-sync?model_endpoint_name=m"
        assert server.targets == [target]
        assert server.received[0].headers["proxy-authorization"] == "Basic " + base64.b64encode(b"user:pw").decode()
