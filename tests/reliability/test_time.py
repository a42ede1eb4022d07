"""Deadlines, cancelling and Ctrl-C: every call can be ended at every moment, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
import warnings

import pytest

from core._api import EVERY, OWN, Api
from core._server import COMPLETION, HANG, MODEL, RESET, STREAM, Server, chunk, event, output, reply
from llmengine_integrations import AsyncClient
from llmengine_integrations.core._timeouts import Timeout
from llmengine_integrations.errors import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    JobTimeoutError,
    ServerError,
)
from reliability._faults import FAULTS, OPERATIONS
from reliability._matrix import Held, call, settled

HEL = chunk(event(output("Hel")))


class TestDeadlines:
    """`total`: for the whole of a request, retries and reply included. That slow bytes do not stretch it shows in the matrix."""

    @pytest.mark.parametrize("kind", EVERY)
    async def test_says_what_was_asked(self, kind, connect, server):
        server.always(HANG)
        with pytest.raises(APITimeoutError, match="No reply in time") as caught:
            await connect(timeout=Timeout(total=0.3), max_retries=0).create()
        assert server.url in str(caught.value)

    @pytest.mark.parametrize("kind", EVERY)
    async def test_no_try_comes_after_it(self, kind, connect, server, naps):
        server.always(reply(503, {"detail": "busy"}, retry_after="7"))
        with pytest.raises(ServerError, match="busy"):
            await connect(timeout=Timeout(total=5)).create()
        assert len(server.received) == 1
        assert naps == []

    @pytest.mark.parametrize("kind", EVERY)
    async def test_tries_before_it_are_made(self, kind, connect, server, naps):
        server.then(reply(503, retry_after="7")).then(COMPLETION)
        assert (await connect(timeout=Timeout(total=20)).create()).output.text == "Hello"

    @pytest.mark.parametrize("kind", OWN)
    async def test_of_a_wait_is_that_of_its_looks(self, kind, connect, server):
        server.then(reply(200, {"id": "ft", "status": "RUNNING"})).always(STREAM, HANG)
        api = connect(max_retries=0)
        with pytest.raises((JobTimeoutError, APITimeoutError)):
            await api.call("fine_tunes.wait", "ft", timeout=0.2, poll_interval=0.01)

    @pytest.mark.parametrize("total", [0, -1, float("nan")])
    def test_must_be_positive(self, total):
        with pytest.raises(ConfigurationError):
            AsyncClient(timeout=Timeout(total=total))


@pytest.mark.parametrize("kind", EVERY)
async def test_a_stream_that_breaks_off_tells_its_text_and_its_address(kind, connect, server):
    gate = server.gate()
    server.then(STREAM, HEL, chunk(event(output("lo"))), gate, RESET)

    async def read():
        async with connect().stream() as events:
            async for found in events:
                if found.output.text == "lo":
                    gate.open()

    with pytest.raises(APIConnectionError) as caught:
        await read()
    assert caught.value.text == "Hello"
    assert server.url in str(caught.value)


@pytest.mark.parametrize("kind", EVERY)
async def test_a_stream_that_falls_silent_tells_its_text(kind, connect, server):
    server.then(STREAM, HEL, HANG)
    with pytest.raises(APITimeoutError) as caught:
        await connect(timeout=0.3).read()
    assert caught.value.text == "Hel"
    assert server.url in str(caught.value)


@pytest.mark.parametrize("kind", ["async", "async-httpx"])
async def test_cancelling_at_any_moment_leaves_nothing(kind, fault_server, tmp_path):
    """Each call is cancelled after one turn of the event loop, after two, ... until it is done before that."""
    fault = FAULTS["healthy"]
    api = Api(kind, f"{fault_server.url()}/healthy/cancelled", api_key="k")
    for operation in OPERATIONS:
        await call(api, fault, operation, str(tmp_path / f"{operation}-warm"))
    before, tasks = Held.now(), len(asyncio.all_tasks())
    cancelled = 0
    for operation in OPERATIONS:
        for turns in [*range(12), *range(12, 200, 17)]:
            folder = tmp_path / f"{operation}-{turns}"
            folder.mkdir()
            task = asyncio.create_task(call(api, fault, operation, str(folder)))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            (outcome,) = await asyncio.gather(task, return_exceptions=True)
            cancelled += isinstance(outcome, asyncio.CancelledError)
            assert isinstance(outcome, asyncio.CancelledError | str | bytes), (operation, turns, outcome)
    assert cancelled > 60
    await asyncio.sleep(0.1)
    assert len(asyncio.all_tasks()) <= tasks + 1  # the lifeline of the connections that were opened last
    await api.close()
    assert (await asyncio.to_thread(settled, before)).files == 0


def _started(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603 - our own program


async def _arrived(server: Server, count: int) -> bool:
    """Programs take their time to start."""
    return (
        any([await server.arrivals(count) for _ in range(6) if len(server.received) < count])
        or len(server.received) >= count
    )


PROGRAM = """
import asyncio, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests themselves run in a shell's background
from llmengine_integrations import AsyncClient, Client
url, kind, flow, folder = sys.argv[1:]
made = (Client if kind == "sync" else AsyncClient)(url, max_retries=1)
flows = {
    "create": lambda: made.completions.create("m", "hi"),
    "wait": lambda: made.fine_tunes.wait("ft"),
    "upload": lambda: made.files.upload(b"a,b", "a.csv"),
    "save": lambda: made.files.download("f", folder + "/f"),
    "fetch": lambda: made.models.download("m", folder),
}
async def main():
    async with made:
        await flows[flow]()
if kind == "sync":
    with made:
        flows[flow]()
else:
    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="another kind of interrupt")
async def test_ctrl_c_ends_any_call(server, tmp_path):
    flows = [("sync", flow) for flow in ("create", "wait", "upload", "save", "fetch")]
    flows += [("async", flow) for flow in ("create", "upload", "fetch")]
    server.always(HANG)
    with Server() as naming:
        naming.always(reply(200, {"urls": {"f": f"{server.url}/blob"}}))
        running = {}
        for kind, flow in flows:
            url = naming.url if flow == "fetch" else server.url
            (folder := tmp_path / f"{kind}-{flow}").mkdir()  # of two downloads into one, the second would be refused
            command = [sys.executable, "-W", "error::ResourceWarning", "-c", PROGRAM, url, kind, flow, str(folder)]
            running[kind, flow] = _started(command)
        assert await _arrived(server, len(flows))
        for which, process in running.items():
            process.send_signal(signal.SIGINT)
            _, said = await asyncio.to_thread(process.communicate, timeout=30)
            assert process.returncode == -signal.SIGINT, (which, said)
            assert said.rstrip().endswith("KeyboardInterrupt"), (which, said)
            assert "Exception ignored" not in said, which
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".part"] == []


@pytest.mark.parametrize("kind", OWN)
async def test_a_clock_that_jumps_changes_nothing(kind, connect, server, monkeypatch):
    jumps = iter(range(10**9, 0, -(10**6)))
    monkeypatch.setattr(time, "time", lambda: float(next(jumps)))
    server.then(reply(503, retry_after="0")).then(COMPLETION).always(reply(200, {"id": "ft", "status": "SUCCESS"}))
    api = connect(timeout=Timeout(total=30))
    assert (await api.create()).output.text == "Hello"
    assert (await api.call("fine_tunes.wait", "ft", timeout=30)).succeeded


@pytest.mark.parametrize("kind", EVERY)
async def test_a_warning_names_the_line_that_called(kind, connect, server):
    server.always(reply(200, {"id": "file-1"}))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await connect().call("files.upload", b"prompt,response\na,b\n", check=True)
    (warning,) = caught
    assert warning.filename.endswith("_api.py")
    assert "advised" in str(warning.message)


async def test_closing_a_client_ends_the_calls_that_wait(server):
    """A thread that waits for a silent server is let go, and not only after its timeout."""
    server.always(HANG)
    api = Api("sync", server.url, max_retries=0)
    waiting = asyncio.create_task(asyncio.to_thread(api.client.models.get, MODEL["name"]))
    assert await server.arrivals()
    await api.close()
    with pytest.raises(APIConnectionError):
        await asyncio.wait_for(waiting, 10)
