"""Guards that use what libraries have no public API for: none of them switches itself off when a library changes."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

import httpx
import pytest

from core._api import Api
from core._server import COMPLETION, reply
from llmengine_integrations.core.transport.private_names import replace_private, require_overridden
from llmengine_integrations.errors import ConfigurationError

ANOTHERS = reply(200, {"request_id": "r-2", "output": {"text": "another's", "num_completion_tokens": 1}})


class Wrapped(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Hides the state of the connection below it, as another version of httpcore might."""

    def __init__(self, stream):
        self.below = stream

    def __iter__(self):
        return iter(self.below)

    def __aiter__(self):
        return aiter(self.below)

    def close(self):
        self.below.close()

    async def aclose(self):
        await self.below.aclose()


class Transport(httpx.HTTPTransport):
    def handle_request(self, request):
        response = super().handle_request(request)
        response.stream = Wrapped(response.stream)
        return response


class AsyncTransport(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request):
        response = await super().handle_async_request(request)
        response.stream = Wrapped(response.stream)
        return response


@pytest.mark.parametrize("kind", ["sync-httpx", "async-httpx"])
async def test_what_follows_a_reply_is_nobodys_where_it_cannot_be_seen(kind, server):
    server.then(COMPLETION + ANOTHERS).always(COMPLETION)
    given = (
        httpx.Client(transport=Transport()) if kind == "sync-httpx" else httpx.AsyncClient(transport=AsyncTransport())
    )
    api = Api(kind, server.url, http_client=given, max_retries=0)
    try:
        assert (await api.create()).output.text == "Hello"
        assert (await api.create()).output.text == "Hello"
    finally:
        await api.close()


class Pool:
    _factory = None

    def is_connected(self):
        return True


def test_a_private_attribute_is_replaced_only_where_it_is():
    pool = Pool()
    replace_private(pool, "_factory", 1)
    assert pool._factory == 1
    with pytest.raises(ConfigurationError, match="Pool has no _maker"):
        replace_private(pool, "_maker", 1)


def test_a_private_method_is_overridden_only_where_it_is():
    class Ours(Pool):
        def is_connected(self):
            return False

        def is_open(self):
            return False

    require_overridden(Ours, "is_connected")
    with pytest.raises(ConfigurationError, match="Pool has no is_open"):
        require_overridden(Ours, "is_open")


PAGE = Path(__file__).parents[2] / "docs" / "private-internals.md"


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:tests|core|engine|langchain|llama_index)/[\w/.]*)`", PAGE.read_text())))
)
def test_the_page_names_what_there_is(path):
    root = Path(__file__).parents[2]
    assert (root / path).exists() or (root / "src" / "llmengine_integrations" / path).exists()


def test_every_library_on_the_page_has_that_upper_bound():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    declared = " ".join(chain(project["dependencies"], *project["optional-dependencies"].values()))
    libraries = "".join(line.split("|")[1] for line in PAGE.read_text().splitlines() if line.startswith("| "))
    bounds = re.findall(r"([a-z-]+) (<[\d.]+)", libraries)
    assert len(bounds) > 10
    assert [found for found in bounds if not re.search(rf"\b{found[0]}>=[\d.]+,{found[1]}\b", declared)] == []
