"""The status page's files as they are served; what they do is tested in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from llmengine_integrations.engine.config import EngineConfig
from llmengine_integrations.engine.http.routes import status_page

from .fakes import FakeBatch, fake_lane, running

pytestmark = pytest.mark.engine

FOLDER = Path(status_page.__file__).parent / "page"
TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@pytest.fixture(scope="module")
def http():
    """HTTP without the key that the engine wants."""
    config = EngineConfig(port=0, api_key=SecretStr("key"))
    with (
        running(config, lambda: {"llmengine-tiny": fake_lane(FakeBatch())}) as (url, _),
        httpx.Client(base_url=url, timeout=30) as http,
    ):
        yield http


def path_of(file: Path) -> str:
    return "/" if file.name == "index.html" else f"/page/{file.name}"


@pytest.mark.parametrize("file", sorted(FOLDER.iterdir()), ids=lambda file: file.name)
def test_every_file_is_served_without_a_key_under_a_strict_policy(http, file):
    reply = http.get(path_of(file))
    assert reply.status_code == 200
    assert reply.content == file.read_bytes()
    assert reply.headers["content-type"] == TYPES[file.suffix[1:]]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"
    policy = dict(directive.split(" ", 1) for directive in reply.headers["content-security-policy"].split("; "))
    assert (
        policy.pop("default-src")
        == policy["frame-ancestors"]
        == policy["base-uri"]
        == policy["form-action"]
        == "'none'"
    )
    assert policy["require-trusted-types-for"] == "'script'"
    assert {policy[f"{kind}-src"] for kind in ("script", "style", "img", "connect")} == {"'self'"}


def test_a_file_that_has_not_changed_is_not_sent_again(http):
    first = http.get("/page/page.css")
    again = http.get("/page/page.css", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert http.get("/page/page.css", headers={"if-none-match": '"other"'}).status_code == 200
    assert first.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/page/", "/page/nothing.js", "/page/index.html", "/page/..%2Fauth.py", "/page/%2e%2e/app.py"]
)
def test_nothing_else_is_served(http, path):
    reply = http.get(path)
    assert (reply.status_code, reply.json()) == (404, {"detail": "Not Found"})


def test_only_reading_is_allowed(http):
    assert http.head("/").headers["content-type"] == TYPES["html"]
    assert http.post("/").status_code == 405
    assert http.delete("/page/page.js").status_code == 405


def test_the_page_lets_nobody_in(http):
    assert http.get("/v1/llm/model-endpoints").status_code == 401
    assert http.get("/v1/files").status_code == 401


def test_the_page_asks_nothing_of_other_hosts():
    for file in FOLDER.iterdir():
        addresses = set(re.findall(r"\w+://[^\s\"')]+", file.read_text(encoding="utf-8")))
        assert addresses <= {"http://www.w3.org/2000/svg"}, file.name


def test_the_page_refers_only_to_files_that_there_are():
    """By paths that also hold where the engine is served under a path of another host."""
    index = (FOLDER / "index.html").read_text(encoding="utf-8")
    named = set(re.findall(r'(?:href|src)="([^"#]+)"', index))
    imported = {name for file in FOLDER.glob("*.js") for name in re.findall(r'from "\./([^"]+)"', file.read_text())}
    assert named == {"page/icon.svg", "page/page.css", "page/page.js"}
    assert imported | {name.removeprefix("page/") for name in named} == {file.name for file in FOLDER.iterdir()} - {
        "index.html"
    }
