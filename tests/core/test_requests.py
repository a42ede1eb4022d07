"""The requests as they arrive at a server, byte for byte, from every transport; and what is never sent."""

from __future__ import annotations

import httpx
import pytest

from core._api import EVERY
from core._server import COMPLETION, MODEL, WHOLE_STREAM, reply
from llmengine_integrations import __version__
from llmengine_integrations.errors import APIStatusError, ConfigurationError, InvalidArgumentError

pytestmark = pytest.mark.parametrize("kind", EVERY)

NAMES = {
    "a&model_endpoint_name=b": "a%26model_endpoint_name%3Db",
    "a#b": "a%23b",
    "a+b": "a%2Bb",
    "meta/llama": "meta%2Fllama",
    "a b": "a%20b",
    "100%": "100%25",
    "%2F": "%252F",
    "ä😀": "%C3%A4%F0%9F%98%80",
    "a?b;c:d@e'f\"g": "a%3Fb%3Bc%3Ad%40e%27f%22g",
    "..": "..",
    "a\r\nHost: b": "a%0D%0AHost%3A%20b",
    "~a-b_c.d": "~a-b_c.d",
}


@pytest.mark.parametrize(("name", "encoded"), NAMES.items())
async def test_a_name_in_the_query_arrives_as_it_is(name, encoded, api, server):
    server.then(COMPLETION).then(WHOLE_STREAM).then(reply(200, {"model_endpoints": []}))
    await api.create(name)
    await api.read(name)
    await api.call("models.list", name=name, order_by="newest")
    assert server.targets == [
        f"/v1/llm/completions-sync?model_endpoint_name={encoded}",
        f"/v1/llm/completions-stream?model_endpoint_name={encoded}",
        f"/v1/llm/model-endpoints?name={encoded}&order_by=newest",
    ]


@pytest.mark.parametrize("name", [name for name in NAMES if "/" not in name and name != ".."])
async def test_a_name_in_the_path_arrives_as_it_is(name, api, server):
    server.then(reply(200, MODEL))
    await api.call("models.get", name)
    assert server.targets == [f"/v1/llm/model-endpoints/{NAMES[name]}"]


@pytest.mark.parametrize("name", ["", "/", "a/b", "../fine-tunes", ".", ".."])
async def test_a_name_that_would_reach_another_route_is_refused(name, api, server):
    with pytest.raises(InvalidArgumentError, match="model name"):
        await api.call("models.get", name)
    assert server.received == []


@pytest.mark.parametrize("call", ["completions.create", "completions.stream"])
async def test_an_empty_name_is_refused(call, api, server):
    with pytest.raises(InvalidArgumentError, match="empty"):
        await api.call(call, "", "hi")
    assert server.received == []


@pytest.mark.parametrize("path", ["/llm-engine", "/a/b/", "/a%20b"])
async def test_a_base_url_keeps_its_path(path, connect, server):
    server.then(COMPLETION)
    await connect(server.url + path).create()
    assert server.targets == [f"{path.rstrip('/')}/v1/llm/completions-sync?model_endpoint_name=m"]


async def test_body_of_a_completion(api, server):
    server.always(COMPLETION)
    await api.create(prompt="Grüße\u2028\0\n😀")
    await api.create(
        max_new_tokens=5, temperature=0, stop_sequences=["\n"], top_k=-1, guided_json={"type": "object"}, top_p=None,
        skip_special_tokens=False,
    )  # fmt: skip
    assert server.received[0].json == {"prompt": "Grüße\u2028\0\n😀", "max_new_tokens": 256, "temperature": 0.2}
    assert server.received[1].json == {
        "prompt": "hi", "max_new_tokens": 5, "temperature": 0, "stop_sequences": ["\n"], "top_k": -1,
        "guided_json": {"type": "object"}, "skip_special_tokens": False,
    }  # fmt: skip


async def test_headers(connect, server):
    server.then(COMPLETION).then(reply(200, MODEL))
    api = connect(api_key="sk-1")
    await api.create()
    await api.call("models.get", "m")
    post, get = (request.headers for request in server.received)
    assert post["content-type"] == "application/json"
    assert post["content-length"] == str(len(server.received[0].body))
    assert "content-type" not in get
    assert server.received[1].body == b""
    for headers in (post, get):
        assert headers["authorization"] == "Basic c2stMTo="
        assert headers["x-api-key"] == "sk-1"
        assert headers["user-agent"] == f"llmengine-integrations/{__version__}"
        assert headers["accept"] == "application/json, text/event-stream"
        assert headers["accept-encoding"] == "identity"
        assert headers["host"] == server.url.removeprefix("http://")
        assert "cookie" not in headers


@pytest.mark.parametrize("status", [301, 307])
async def test_redirects_are_not_followed(status, api, server):
    server.then(reply(status, b"", location="http://elsewhere.invalid/"))
    with pytest.raises(Exception, match=r"redirects to http://elsewhere.invalid/"):
        await api.create()
    assert len(server.received) == 1


@pytest.mark.parametrize("call", ["create", "read"])
async def test_nor_are_they_by_a_client_that_is_set_to_follow_them(call, connect, kind, server):
    """On the way to another host, httpx drops `authorization`, but not `x-api-key`."""
    given = {}
    if kind.endswith("-httpx"):
        make = httpx.AsyncClient if kind.startswith("async") else httpx.Client
        given = {"http_client": make(follow_redirects=True)}
    server.then(reply(307, b"", location=f"{server.url}/elsewhere")).then(COMPLETION)
    with pytest.raises(APIStatusError, match="redirects to http"):
        await getattr(connect(api_key="sk-1", max_retries=0, **given), call)()
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("top_kk", "top_k"), ("temprature", "temperature"), ("max_tokens", "max_new_tokens"), ("time_out", "timeout")],
)
async def test_an_unknown_keyword_is_refused(wrong, meant, api, server):
    for call in ("completions.create", "completions.stream"):
        with pytest.raises(TypeError, match=f"'{wrong}'; did you mean '{meant}'"):
            await api.call(call, "m", "hi", **{wrong: 1})
    assert server.received == []


async def test_an_unlike_keyword_is_refused_without_a_guess(api, server):
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'zzz'$"):
        await api.create(zzz=1)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
async def test_a_timeout_that_makes_no_sense_is_refused(seconds, api, server):
    with pytest.raises(ConfigurationError, match="timeout"):
        await api.create(timeout=seconds)
    assert server.received == []
