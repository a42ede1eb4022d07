"""Clients that cross processes: forked with their connections open, or pickled without their secrets."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys

import httpx
import pytest

from core._api import OWN, Api, maybe
from core._server import COMPLETION
from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.errors import ConfigurationError

MADE = {"sync": Client, "async": AsyncClient}
FAR = "https://llm-engine.example.com/path"

SYNC = """
import os, sys
from llmengine_integrations import Client
client = Client(sys.argv[1])
call = lambda who: client.completions.create("m", who)
call("parent before")
pid = os.fork()
if not pid:
    call("child")
    call("child again")
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
call("parent after")
client.close()
"""
ASYNC_BETWEEN_LOOPS = """
import asyncio, os, sys
from llmengine_integrations import AsyncClient
client = AsyncClient(sys.argv[1])
call = lambda *who: asyncio.run(calls(*who))
async def calls(*who):
    for one in who:
        await client.completions.create("m", one)
call("parent before")
pid = os.fork()
if not pid:
    call("child", "child again")
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
call("parent after")
"""
ASYNC_INSIDE_A_LOOP = """
import asyncio, gc, os, sys
from llmengine_integrations import AsyncClient
client = AsyncClient(sys.argv[1])
call = lambda who: client.completions.create("m", who)
async def child():
    await call("child")
    await call("child again")
async def parent():
    await call("parent before")
    pid = os.fork()
    if not pid:
        asyncio.run(child())
        gc.collect()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    await call("parent after")
asyncio.run(asyncio.wait_for(parent(), 20))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("program", [SYNC, ASYNC_BETWEEN_LOOPS, ASYNC_INSIDE_A_LOOP], ids=["sync", "between", "inside"])
def test_a_fork_uses_connections_of_its_own(program, server):
    server.always(COMPLETION)
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", program, server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - our own program
    assert (done.returncode, done.stderr) == (0, "")
    used = {request.json["prompt"]: request.connection for request in server.received}
    assert list(used) == ["parent before", "child", "child again", "parent after"]
    assert used["child"] == used["child again"] != used["parent before"]
    if program is not ASYNC_BETWEEN_LOOPS:
        assert used["parent after"] == used["parent before"]


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("SCALE_API_KEY", "sk-from-the-environment")


@pytest.mark.usefixtures("key")
class TestPickling:
    def test_carries_the_settings(self, kind):
        timeout = httpx.Timeout(9, read=70)
        client = MADE[kind](FAR + "/", "sk-secret", timeout=timeout, max_retries=7, default_headers={"X-Team": "a"})
        loaded = pickle.loads(pickle.dumps(client))  # noqa: S301 - our own bytes
        assert type(loaded) is MADE[kind]
        before, after = client._transport.settings, loaded._transport.settings
        assert (after.base_url, after.timeouts, after.max_retries) == (FAR, before.timeouts, 7)
        assert after.headers["x-team"] == "a"
        assert after.api_key == "sk-from-the-environment"

    def test_carries_no_secret(self, kind):
        headers = {"Authorization": "Bearer secret-1", "X-API-Key": "secret-2", "cookie": "secret-3"}
        client = MADE[kind]("https://user:secret-4@h/", "secret-5", default_headers=headers)
        stored = pickle.dumps(client)
        assert b"secret" not in stored
        assert b"Basic" not in stored

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("X-Corp-JWT", "secret"),
            ("X-Functions-Code", "secret"),
            ("X-Sig", "secret"),
            ("X-Corp", "Bearer secret"),
            ("X-Id", "eyJsecret"),
        ],
    )
    def test_nor_a_header_that_looks_like_one(self, kind, name, value):
        headers = {name: value, "X-Team": "blue"}
        stored = pickle.dumps(MADE[kind](FAR, "k", default_headers=headers))
        assert b"secret" not in stored
        assert b"blue" in stored

    def test_what_was_not_given_is_looked_up_again(self, kind, monkeypatch):
        monkeypatch.setenv("LLM_ENGINE_BASE_PATH", "http://localhost:1")
        stored = pickle.dumps(MADE[kind]())
        monkeypatch.setenv("LLM_ENGINE_BASE_PATH", "http://localhost:2")
        assert pickle.loads(stored).base_url == "http://localhost:2"  # noqa: S301 - our own bytes

    def test_loading_without_a_key_says_what_to_set(self, kind, monkeypatch):
        stored = pickle.dumps(MADE[kind](FAR, "sk-secret"))
        monkeypatch.delenv("SCALE_API_KEY")
        with pytest.raises(ConfigurationError, match="SCALE_API_KEY"):
            pickle.loads(stored)  # noqa: S301 - our own bytes

    async def test_of_a_client_in_use(self, kind, api, server):
        server.always(COMPLETION)
        await api.create()
        loaded = pickle.loads(pickle.dumps(api.client))  # noqa: S301 - our own bytes
        assert (await maybe(loaded.completions.create("m", "hi"))).output.text == "Hello"
        await maybe(loaded.close())
        assert server.connections == 2

    @pytest.mark.parametrize("kind", ["sync-httpx", "async-httpx"])
    async def test_with_a_client_of_the_users_is_refused(self, kind, server):
        api = Api(kind, server.url)
        with pytest.raises(TypeError, match="http_client"):
            pickle.dumps(api.client)
        await api.close()


@pytest.mark.parametrize("kind", [*OWN, "sync-httpx", "async-httpx"])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_is_the_client_itself(copied, api):
    assert copied(api.client) is api.client
