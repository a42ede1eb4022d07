"""A client over an httpx client that the user brings: that client is used as it is, and left as it was."""

from __future__ import annotations

import httpx
import pytest

from core._api import Api, maybe
from core._server import COMPLETION, event, output
from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.errors import InvalidResponseError, StreamTruncatedError

KINDS = {"sync-httpx": httpx.Client, "async-httpx": httpx.AsyncClient}
pytestmark = pytest.mark.parametrize("kind", KINDS)


async def test_what_it_adds_to_every_request_is_added(kind, server):
    given = KINDS[kind](
        params={"tenant": "a b", "model_endpoint_name": "theirs"},
        headers={"X-Hop": "1", "User-Agent": "theirs"},
        cookies={"session": "s"},
    )
    api = Api(kind, server.url, api_key="k", http_client=given)
    server.then(COMPLETION)
    await api.create("a+b")
    (request,) = server.received
    assert httpx.URL(request.target).params.multi_items() == [("tenant", "a b"), ("model_endpoint_name", "a+b")]
    assert request.headers["x-hop"] == "1"
    assert request.headers["cookie"] == "session=s"
    assert request.headers["user-agent"].startswith("llmengine-integrations")
    await api.close()


async def test_its_hooks_and_transport_are_used(kind):
    seen = []

    def answer(request):
        return httpx.Response(200, content=COMPLETION.partition(b"\r\n\r\n")[2])

    async def hook(request):
        seen.append(request.url.path)

    hooks = {"request": [hook if kind.startswith("async") else lambda request: seen.append(request.url.path)]}
    given = KINDS[kind](transport=httpx.MockTransport(answer), event_hooks=hooks)
    api = Api(kind, "http://nowhere.invalid/base", api_key="k", http_client=given)
    assert (await api.create()).output.text == "Hello"
    assert seen == ["/base/v1/llm/completions-sync"]
    await api.close()


async def test_its_base_url_is_not_used(kind, server):
    given = KINDS[kind](base_url="http://nowhere.invalid/theirs/")
    api = Api(kind, server.url, api_key="k", http_client=given)
    server.then(COMPLETION)
    await api.create()
    assert server.targets == ["/v1/llm/completions-sync?model_endpoint_name=m"]
    await api.close()


async def test_it_is_left_open(kind, server):
    given = KINDS[kind]()
    made = AsyncClient if kind.startswith("async") else Client
    server.always(COMPLETION)
    for _ in range(2):
        client = made(server.url, http_client=given)
        await maybe(client.completions.create("m", "hi"))
        await maybe(client.close())
    assert not given.is_closed
    assert server.connections == 1
    await maybe(given.aclose() if isinstance(given, httpx.AsyncClient) else given.close())


@pytest.mark.parametrize("finished", [True, False])
async def test_streams_of_a_mock(finished, kind):
    body = event(output("Hel")) + event(output("lo", finished=finished))
    headers = {"content-type": "text/event-stream"}
    answer = httpx.MockTransport(lambda request: httpx.Response(200, content=body, headers=headers))
    api = Api(kind, "http://nowhere.invalid", api_key="k", http_client=KINDS[kind](transport=answer))
    if finished:
        assert await api.text() == "Hello"
    else:
        with pytest.raises(StreamTruncatedError):
            await api.read()
    await api.close()


async def test_a_reply_that_is_no_completion(kind):
    answer = httpx.MockTransport(lambda request: httpx.Response(200, text="<html>Sign in</html>"))
    api = Api(kind, "http://nowhere.invalid", api_key="k", http_client=KINDS[kind](transport=answer))
    with pytest.raises(InvalidResponseError, match="Sign in") as caught:
        await api.create()
    assert caught.value.status_code == 200
    assert caught.value.body == "<html>Sign in</html>"
    await api.close()
