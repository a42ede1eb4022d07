"""Event loops that others own: however they end, they leave no connection, and nobody complains."""

from __future__ import annotations

import subprocess
import sys

import pytest

from core._server import COMPLETION, HANG, STREAM, chunk, event, output
from llmengine_integrations import AsyncClient

HEAD = """
import asyncio, gc, os, sys, threading
from llmengine_integrations import AsyncClient
client = AsyncClient(sys.argv[1])
async def call():
    return (await client.completions.create("m", "hi")).output.text
async def leave():
    stream = client.completions.stream("m", "hi")
    events = await stream.__aenter__()
    await anext(events)
    return stream, events
def files():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))
def once():
    loop = asyncio.new_event_loop()
    kept.append(loop.run_until_complete(call()))
    loop.close()
kept = []
"""
MANY = """
once()
before = files()
for _ in range(5):
    once()
assert files() == before, files() - before
"""
CLOSED = {
    "closed": MANY,
    "closed in threads": """
alone = once
def once():
    thread = threading.Thread(target=alone)
    thread.start()
    thread.join()
"""
    + MANY,
    "closed with a stream open": "call = leave" + MANY,
    "closed after its client is gone": """
loop = asyncio.new_event_loop()
loop.run_until_complete(call())
del client
gc.collect()
loop.close()
""",
    "a closed client": """
loop = asyncio.new_event_loop()
loop.run_until_complete(call())
asyncio.run(client.close())
loop.run_until_complete(client.close())
loop.close()
""",
}
LEFT = {
    "never closed": "asyncio.new_event_loop().run_until_complete(call())",
    "never closed, and kept": "loop = asyncio.new_event_loop(); loop.run_until_complete(call())",
    "never closed, its client gone": """
loop = asyncio.new_event_loop()
loop.run_until_complete(call())
del client
""",
    "never closed, with a stream open": "loop = asyncio.new_event_loop(); kept = loop.run_until_complete(leave())",
    "never closed, many": MANY.replace("once()", "asyncio.new_event_loop().run_until_complete(call())"),
    "running in a thread at the end": """
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
asyncio.run_coroutine_threadsafe(call(), loop).result()
""",
}


def run(program, server, *flags):
    if "leave" in program.removeprefix(HEAD):
        server.always(STREAM, chunk(event(output("Hel"))), HANG)
    else:
        server.always(COMPLETION)
    command = [sys.executable, *flags, "-c", program, server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own program
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="it counts open files in /proc")
@pytest.mark.parametrize("program", CLOSED.values(), ids=CLOSED)
def test_a_closed_loop_takes_its_connections_with_it(program, server):
    run(HEAD + program, server, "-W", "error::ResourceWarning")


@pytest.mark.skipif(sys.platform != "linux", reason="it counts open files in /proc")
@pytest.mark.parametrize("program", LEFT.values(), ids=LEFT)
def test_of_a_loop_that_nobody_closes_nothing_is_said(program, server):
    """Python itself warns of the loop, if asked to: so without -W."""
    run(HEAD + program, server)


async def test_a_reopened_session_does_not_keep_the_old_one(server):
    server.always(COMPLETION)
    client = AsyncClient(server.url)
    for _ in range(3):
        await client.completions.create("m", "hi")
        await client.close()
    assert [await server.left(number) for number in range(3)] == [True] * 3
