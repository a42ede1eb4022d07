"""Downloads of fine-tuned models: signed URLs, and what comes of them."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette

from llmengine_integrations.engine.config import EngineConfig
from llmengine_integrations.engine.http.app import EXCEPTION_HANDLERS
from llmengine_integrations.engine.http.routes.downloads import DownloadLinks, DownloadRoutes
from llmengine_integrations.engine.registry import Registry
from llmengine_integrations.engine.store import TunedModel

pytestmark = pytest.mark.engine

MODEL = "llama-2-7b.a.261121-083913"
BASE_URL = "http://engine"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def links(clock):
    return DownloadLinks(60, clock)


@pytest.fixture
def registry(tmp_path):
    folder = tmp_path / "models" / "ft-1"
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    (tmp_path / "models" / "secret.txt").write_text("secret")
    registry = Registry(EngineConfig())
    registry.add(TunedModel(MODEL, "llmengine-tiny", 0, folder))
    return registry


@pytest.fixture
async def http(registry, links):
    transport = httpx.ASGITransport(
        Starlette(routes=DownloadRoutes(registry, links).routes, exception_handlers=EXCEPTION_HANDLERS)
    )
    async with httpx.AsyncClient(transport=transport) as http:
        yield http


@pytest.fixture
def url(links):
    return links.url(BASE_URL, MODEL, "adapter_config.json")


async def test_whoever_has_the_url_gets_the_file(http, url):
    reply = await http.get(url)
    assert (reply.status_code, reply.content) == (200, b"{}")
    part = await http.get(url, headers={"range": "bytes=1-"})
    assert (part.status_code, part.content) == (206, b"}")
    assert reply.headers["etag"] == part.headers["etag"]


async def test_a_url_expires(http, url, clock):
    clock.now += 59
    assert (await http.get(url)).status_code == 200
    clock.now += 1
    assert (await http.get(url)).status_code == 403


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Expires=1060", "Expires=9999999999"),
        ("Expires=1060", "Expires=nan"),
        ("Expires=1060", ""),
        ("Signature=", "Signature=0"),
        ("Signature=", "Signature=%C3%A9"),
        ("adapter_config.json", "README.md"),
        (MODEL, "llama-2-7b"),
    ],
)
async def test_a_url_that_is_changed_is_refused(http, url, old, new):
    assert old in url
    assert (await http.get(url.replace(old, new))).status_code == 403


async def test_another_engine_s_url_is_refused(http, clock):
    stranger = DownloadLinks(60, clock)
    assert (await http.get(stranger.url(BASE_URL, MODEL, "adapter_config.json"))).status_code == 403


@pytest.mark.parametrize("filename", ["../secret.txt", "/etc/passwd", "..", ".", "nothing"])
async def test_only_the_model_s_own_files_are_there(http, links, filename):
    assert (await http.get(links.url(BASE_URL, MODEL, filename))).status_code == 404


async def test_a_deleted_model_s_files_are_gone(http, url, registry):
    registry.remove(MODEL)
    assert (await http.get(url)).status_code == 404
