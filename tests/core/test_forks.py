"""A fork while another thread makes the first call, or a client: the child works, within its timeouts.

A thread that imports holds locks which a fork copies and nobody in the child lets go of. The programs below stop a thread in the middle of
an import, fork there, and have the kernel end a child that hangs.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from core._server import COMPLETION, WHOLE_STREAM, Server, reply

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

PROGRAM = """
import asyncio, os, signal, socket, sys, threading
from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.core import _loading

importing, forked, arrived = threading.Event(), threading.Event(), threading.Event()

class Finder:
    '''Stops the other thread in its first import until the fork has happened, or for as long as a slow disk would.'''

    def find_spec(self, name, path=None, target=None):
        if threading.current_thread().name == "other" and not importing.is_set():
            importing.set()
            arrived.set()
            forked.wait(0.5)

def one(client):
    with client as made:
        return made.completions.create("m", sys.argv[2]).output.text

async def aone(client):
    async with client as made:
        return (await made.completions.create("m", "hi")).output.text

def call(client):
    return asyncio.run(aone(client)) if isinstance(client, AsyncClient) else one(client)

def forked_while(work, then):
    '''Fork while another thread is in its first import, or has done its work without any.'''
    sys.meta_path.insert(0, Finder())

    def other():
        try:
            work()
        finally:
            arrived.set()

    thread = threading.Thread(target=other, name="other", daemon=True)
    thread.start()
    arrived.wait()
    pid = os.fork()
    if pid == 0:
        signal.alarm(15)
        try:
            os._exit(0 if then() == "Hello" else 1)
        finally:
            os._exit(2)
    forked.set()
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    thread.join()
    assert work() == "Hello"

url = sys.argv[1]
"""
CONTEXT = """
import httpx
from llmengine_integrations.errors import APIConnectionError
openssl, create = threading.Lock(), httpx.create_ssl_context

def slowly(*arguments, **named):
    with openssl:  # as OpenSSL holds locks of its own
        if threading.current_thread().name == "other":
            arrived.set()
            forked.wait(0.5)
        return create(*arguments, **named)

httpx.create_ssl_context = slowly
client = CLIENT(url.replace("http:", "https:"), max_retries=0, timeout=2)
def work():
    try:
        return call(client)
    except APIConnectionError:  # nobody speaks TLS there
        return "Hello"
importing.set()
forked_while(work, work)
"""
MOMENTS = {
    "first call": "client = Client(url)\nforked_while(lambda: call(client), lambda: call(client))",
    "first call, another client": "client = Client(url)\nforked_while(lambda: call(client), lambda: call(Client(url)))",
    "first awaited call": "client = AsyncClient(url)\nforked_while(lambda: call(client), lambda: call(client))",
    "first awaited call of many": "a = AsyncClient(url)\nb = Client(url)\nforked_while(lambda: call(a), lambda: call(b))",
    "making": "forked_while(lambda: call(Client(url)), lambda: call(Client(url)))",
    "making, asyncio": "forked_while(lambda: call(AsyncClient(url)), lambda: call(AsyncClient(url)))",
    "building pydantic's models": """
import pydantic.main
client = Client(url)
def work():
    with getattr(pydantic.main, "_rebuild_lock", threading.Lock()):
        arrived.set()
        forked.wait(10)
    return call(client)
forked_while(work, lambda: call(client))
""",
    "making what TLS needs": CONTEXT.replace("CLIENT", "Client"),
    "making what TLS needs, asyncio": CONTEXT.replace("CLIENT", "AsyncClient"),
    "a fork that cannot wait": """
_loading.PATIENCE = 0.01
client = Client(url)
def work():
    with _loading.loading():
        arrived.set()
        forked.wait(10)
    return call(client)
forked_while(work, lambda: call(Client(url)))
""",
    "a fork inside a fork": """
def then():
    pid = os.fork()
    if pid == 0:
        os._exit(0 if call(Client(url)) == "Hello" else 1)
    return call(Client(url)) if os.waitpid(pid, 0)[1] == 0 else "the grandchild failed"
forked_while(lambda: call(Client(url)), then)
""",
}


def ran(program: str, *arguments: str) -> str:
    # Python 3.12 and newer warn of every fork of a process with threads.
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own program
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_child_works(moment, server):
    server.always(COMPLETION)
    assert ran(PROGRAM + MOMENTS[moment], server.url, "hi") == "0\n"


CALLS = """
import sys, threading
from llmengine_integrations import Client, Timeout, errors
plain, gone, secure = sys.argv[1:]
client, refused, tls = Client(plain, max_retries=1), Client(gone, max_retries=0), Client(secure, max_retries=0)
imported = []
sys.addaudithook(lambda name, arguments: imported.append(arguments[0]) if name == "import" else None)

def stream():
    with client.completions.stream("m", "hi") as chunks:
        return list(chunks)

CALLS = [
    lambda: client.completions.create("m", "hi"),
    lambda: client.completions.create("m", "hi", timeout=Timeout(total=5)),
    stream,
    lambda: client.chat.create("m", [{"role": "user", "content": "hi"}]),
    lambda: client.text_completions.create("m", "hi"),
    client.models.list,
    client.files.list,
    client.fine_tunes.list,
    lambda: client.batch_completions.get("b"),
    lambda: client.files.upload(b"prompt,response"),
    lambda: refused.completions.create("m", "hi"),
    lambda: tls.completions.create("m", "hi"),
]
for call in CALLS:
    for _ in range(2):
        try:
            call()
        except errors.LLMEngineError:
            pass
print(imported)
"""


def test_a_call_imports_nothing(server, refusing_url):
    """Whatever comes back, in whatever coding, after whatever retries."""
    answers = [COMPLETION, reply(503, {"detail": "later"}, retry_after="0"), COMPLETION, reply(404, {"detail": "no"}), COMPLETION,
               WHOLE_STREAM, WHOLE_STREAM, reply(500, b"<html>"), reply(200, b"no JSON")]  # fmt: skip
    for answer in answers:
        server.then(answer)
    server.always(reply(422, {"detail": [{"loc": ["body", "x"], "msg": "no", "type": "x"}]}))
    with Server() as plaintext:
        plaintext.always(reply(400))
        secure = plaintext.url.replace("http:", "https:")
        assert ran(CALLS, server.url, refusing_url, secure) == "[]\n"
    assert len(server.received) > len(answers)


def test_a_client_has_every_validator_built(server):
    program = """
import llmengine_integrations.compat
from llmengine_integrations import Client
Client("http://127.0.0.1:1")
from llmengine_integrations.wire._base import Reply

def below(kind):
    for each in kind.__subclasses__():
        yield each
        yield from below(each)

kinds = list(below(Reply))
assert len(kinds) > 40
print([kind.__name__ for kind in kinds if not kind.__pydantic_complete__])
"""
    assert ran(program) == "[]\n"
