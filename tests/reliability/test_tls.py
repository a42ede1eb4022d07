"""Encrypted connections: what certificates are taken, and how a refusal reads. The authority is made for the test and forgotten."""

from __future__ import annotations

import datetime as dt
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from core._api import EVERY, OWN, Api
from llmengine_integrations.errors import APIConnectionError

trustme = pytest.importorskip("trustme")
REPLY = b'{"output": {"text": "Hello", "num_completion_tokens": 1}}'
WRONG = {
    "wrong host": "Hostname mismatch|IP address mismatch|certificate is not valid for",
    "unknown authority": "unable to get local issuer certificate|self.signed certificate",
    "expired": "certificate has expired",
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.server.served += 1
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(REPLY)))
        self.end_headers()
        self.wfile.write(REPLY)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    served = 0

    def handle_error(self, *_):
        """A client that refuses the certificate hangs up."""


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def bundle(authority, tmp_path):
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def serve(authority):
    """Starts a server with a certificate; the last one is asked how often it served."""
    running = []

    def serve(*names, signed_by=authority, **how):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        signed_by.issue_cert(*names, **how).configure_cert(context)
        server = _Server(("127.0.0.1", 0), _Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        running.append(server)
        return server

    yield serve
    for server in running:
        server.shutdown()
        server.server_close()


def url_of(server):
    return f"https://127.0.0.1:{server.server_address[1]}"


def given(kind, context):
    """What a user passes who trusts an authority of their own."""
    return (httpx.AsyncClient if kind.startswith("async") else httpx.Client)(verify=context)


@pytest.mark.parametrize("kind", OWN)
async def test_an_authority_of_the_environment_is_trusted(kind, serve, bundle, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    api = Api(kind, url_of(serve("127.0.0.1")), api_key="k")
    assert (await api.create()).output.text == "Hello"
    await api.close()


@pytest.mark.parametrize("kind", ["sync-httpx", "async-httpx"])
async def test_an_authority_that_the_user_gives_is_trusted(kind, serve, bundle):
    client = given(kind, ssl.create_default_context(cafile=str(bundle)))
    api = Api(kind, url_of(serve("127.0.0.1")), api_key="k", http_client=client)
    assert (await api.create()).output.text == "Hello"
    await api.close()


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("wrong", WRONG)
async def test_a_certificate_that_is_wrong_is_refused(kind, wrong, serve, bundle, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    match wrong:
        case "wrong host":
            server = serve("llm-engine.example.com")
        case "unknown authority":
            server = serve("127.0.0.1", signed_by=trustme.CA())
        case _:
            server = serve("127.0.0.1", not_after=dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
    api = Api(kind, url_of(server), api_key="sk-5ecret", max_retries=0)
    with pytest.raises(APIConnectionError, match=f"TLS failed: .*({WRONG[wrong]})") as caught:
        await api.create()
    assert not caught.value.sent
    assert url_of(server) in str(caught.value)
    assert server.served == 0
    await api.close()


@pytest.mark.parametrize("kind", OWN)
async def test_a_server_that_breaks_off_the_handshake(kind, fault_server):
    api = Api(kind, fault_server.url("accept-and-reset").replace("http:", "https:"), api_key="k", max_retries=0)
    with pytest.raises(APIConnectionError) as caught:
        await api.create()
    assert not caught.value.sent
    await api.close()
