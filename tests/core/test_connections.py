"""Connections: reused, shared by threads and tasks, never by event loops, and gone when they should be."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from core._api import Api
from core._server import CLOSE, COMPLETION, HANG, MODEL, RESET, STREAM, chunk, event, output, reply
from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.errors import APIConnectionError, InvalidResponseError

HEL = chunk(event(output("Hel")))


async def test_one_connection_serves_many_calls(api, server):
    server.always(COMPLETION)
    for _ in range(5):
        await api.create()
    assert server.connections == 1


@pytest.mark.parametrize("failed", [reply(400, {"detail": "no"}), reply(503, {"detail": "no"}), reply(200, b"<html>")])
async def test_an_error_reply_costs_no_connection(failed, connect, server):
    server.then(failed).then(COMPLETION)
    api = connect(max_retries=0)
    with pytest.raises(Exception, match=r"no|html"):
        await api.create()
    await api.create()
    assert server.connections == 1


async def test_cookies_are_not_kept(connect, server):
    server.then(reply(200, MODEL, **{"Set-Cookie": "a=b; Path=/"})).then(reply(200, MODEL))
    api = connect(server.url.replace("127.0.0.1", "localhost"))  # a jar would not keep the cookies of an address
    await api.call("models.get", "m")
    await api.call("models.get", "m")
    assert "cookie" not in server.received[1].headers


async def test_closing_closes_the_connections_and_may_be_done_again(api, server):
    server.always(COMPLETION)
    await api.close()
    await api.create()
    await api.close()
    await api.close()
    assert await server.left(0)


async def test_a_closed_client_opens_anew(api, server):
    server.always(COMPLETION)
    await api.create()
    await api.close()
    await api.create()
    assert server.connections == 2


async def test_as_a_context_manager(kind, server):
    server.always(COMPLETION)
    if kind == "sync":
        with Client(server.url) as client:
            client.completions.create("m", "hi")
    else:
        async with AsyncClient(server.url) as client:
            await client.completions.create("m", "hi")
    assert await server.left(0)


async def test_a_client_that_nobody_closes_is_closed_with_its_last_reference(kind, server):
    server.always(COMPLETION)
    api = Api(kind, server.url)
    await api.create()
    gc.disable()  # its last reference, not the next collection
    try:
        del api
        assert await server.left(0)
    finally:
        gc.enable()


async def test_a_stream_outlives_the_clients_last_reference(kind, server):
    gate = server.gate()
    server.then(STREAM, HEL, gate, chunk(event(output("lo", finished=True))), chunk(b""))
    api = Api(kind, server.url)
    opened = api.stream()
    del api
    async with opened as events:
        await anext(events)
        gc.collect()
        gate.open()
        assert (await anext(events)).output.text == "lo"


async def test_connections_are_kept_alive_through_silence(api, server, monkeypatch):
    """A router on the way forgets a silent connection, and a cold model is silent for minutes."""
    options = []
    setsockopt = socket.socket.setsockopt

    def note(self, *option):
        options.append(option)
        setsockopt(self, *option)

    class Noting(socket.socket):
        setsockopt = note

    monkeypatch.setattr(socket, "socket", Noting)
    server.then(COMPLETION)
    await api.create()
    assert (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) in options


def test_event_loops_in_turn(server):
    """Without close: each loop takes its connections with it, and nothing warns (a ResourceWarning fails a test)."""
    server.always(COMPLETION)
    client = AsyncClient(server.url)
    loops = []

    async def calls():
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await client.completions.create("m", "hi")
        await asyncio.gather(*(client.completions.create("m", "hi") for _ in range(3)))

    for _ in range(3):
        asyncio.run(calls())
    gc.collect()
    assert len(server.received) == 12
    assert [loop() for loop in loops] == [None] * 3


def test_event_loops_in_turn_with_close(server):
    server.always(COMPLETION)
    client = AsyncClient(server.url)

    async def calls():
        async with client:
            await client.completions.create("m", "hi")

    for _ in range(3):
        asyncio.run(calls())
    assert server.connections == 3


@pytest.mark.parametrize("collected_in", ["loop", "thread"])
async def test_a_client_collected_while_its_loop_runs(server, collected_in):
    """Even one in a reference cycle, where the collector may take the session first, whose finalizer would warn."""
    server.always(COMPLETION)
    client = AsyncClient(server.url)
    client.itself = client
    await client.completions.create("m", "hi")
    del client
    if collected_in == "loop":
        gc.collect()
    else:
        await asyncio.to_thread(gc.collect)
    assert await server.left(0)


def test_a_stream_left_open_ends_with_its_loop(server):
    server.always(STREAM, HEL, HANG)
    client = AsyncClient(server.url)

    async def leave():
        await client.completions.stream("m", "hi").__aenter__()

    asyncio.run(leave())
    gc.collect()
    assert asyncio.run(server.left(0))


def test_event_loops_at_once(server):
    server.always(COMPLETION)
    client = AsyncClient(server.url)
    barrier = threading.Barrier(4, timeout=10)

    async def calls():
        barrier.wait()
        replies = await asyncio.gather(*(client.completions.create("m", "hi") for _ in range(10)))
        return [reply.output.text for reply in replies]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: asyncio.run(calls()), range(4))) == [["Hello"] * 10] * 4


def test_threads_share_one_pool(server):
    server.always(COMPLETION)
    barrier = threading.Barrier(8, timeout=10)
    with Client(server.url) as client, ThreadPoolExecutor(8) as pool:

        def calls(_):
            barrier.wait()
            return [client.completions.create("m", "hi").output.text for _ in range(5)]

        assert list(pool.map(calls, range(8))) == [["Hello"] * 5] * 8
        assert server.connections <= 8
    assert all(asyncio.run(server.left(number)) for number in range(server.connections))


async def test_five_hundred_calls_at_once(server):
    gate = server.gate()
    server.always(gate, COMPLETION)
    async with AsyncClient(server.url) as client:
        calls = [asyncio.create_task(client.completions.create("m", str(number))) for number in range(500)]
        assert await server.arrivals(500)
        gate.open()
        replies = await asyncio.gather(*calls)
    assert [reply.output.text for reply in replies] == ["Hello"] * 500
    assert {request.json["prompt"] for request in server.received} == {str(number) for number in range(500)}


class TestWords:
    """A failure reads the same from every transport."""

    async def test_refused(self, connect, refusing_url):
        with pytest.raises(APIConnectionError) as caught:
            await connect(refusing_url, max_retries=0).create()
        assert str(caught.value) == (
            f"Cannot reach LLM Engine: Connection refused ({refusing_url}). "
            "Start the embedded engine with `llmengine serve`, or set LLM_ENGINE_BASE_PATH to a running one."
        )

    async def test_refused_again_and_again(self, connect, refusing_url, naps):
        with pytest.raises(APIConnectionError) as caught:
            await connect(refusing_url).create()
        assert str(caught.value).count(refusing_url) == 1

    async def test_no_such_host(self, connect, monkeypatch):
        def unknown(*args, **kwargs):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(APIConnectionError) as caught:
            await connect("http://llm-engine.invalid/x", api_key="k", max_retries=0).create()
        assert str(caught.value) == (
            "Cannot reach LLM Engine: Name or service not known (http://llm-engine.invalid/x). "
            "Check base_url (LLM_ENGINE_BASE_PATH), the network and the proxy settings."
        )
        assert not caught.value.sent

    @pytest.mark.parametrize(
        ("steps", "words"),
        [
            ((CLOSE,), "The server closed the connection without a reply"),
            ((reply(200, b"{", content_length="9"), CLOSE), "The connection ended before the reply was complete"),
            ((RESET,), "Connection reset by peer"),
        ],
        ids=["closed", "cut off", "reset"],
    )
    async def test_broken_off(self, steps, words, connect, server):
        server.then(*steps)
        with pytest.raises(APIConnectionError) as caught:
            await connect(max_retries=0).create()
        assert str(caught.value) == f"{words} ({server.url})."
        assert caught.value.sent

    async def test_no_http(self, connect, server):
        server.then(b"SSH-2.0-OpenSSH_9.6\r\n", CLOSE)
        with pytest.raises(APIConnectionError) as caught:
            await connect(max_retries=0).create("secret-name")
        assert server.url in str(caught.value)
        assert "secret-name" not in str(caught.value)

    async def test_a_broken_encoding(self, connect, server):
        server.then(reply(200, b"no gzip", content_encoding="gzip"))
        with pytest.raises(InvalidResponseError, match="content encoding is broken"):
            await connect().create()
        assert len(server.received) == 1

    async def test_no_tls(self, connect, server):
        """A server without TLS behind an https URL; the bytes of a handshake are no request to it."""
        with pytest.raises(APIConnectionError, match=r"^Cannot reach LLM Engine: ") as caught:
            await connect(server.url.replace("http:", "https:"), api_key="k", max_retries=0, timeout=0.1).create()
        assert not caught.value.sent
