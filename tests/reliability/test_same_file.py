"""Two downloads of one file into one folder: one of them writes it, whole; the other is told, and harms nothing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from core._api import EVERY, OWN, Api
from core._server import CLOSE, Server, reply
from llmengine_integrations._shared import file_lock as _file_lock
from llmengine_integrations.errors import APIConnectionError
from reliability._matrix import Held, settled

CONTENT = bytes(range(256)) * 4096
HALF = len(CONTENT) // 2


def told(storage):
    return reply(200, {"urls": {"f": f"{storage.url}/f?X-Amz-Signature=s"}})


def opened(api, call, folder):
    if call == "save":
        return asyncio.to_thread(asyncio.run, _with(api, "files.download", "file-1", folder / "f"))
    return asyncio.to_thread(asyncio.run, _with(api, "models.download", "m", folder, max_retries=0))


async def _with(api, name, *args, **options):
    """A call on an event loop of its own."""
    try:
        return await api.call(name, *args, **options)
    finally:
        await api.close()


@pytest.fixture
def storage():
    with Server() as storage:
        yield storage


def scripted(call, server, storage):
    """Both downloads' replies; the first one's stops half way until the gate is opened."""
    gate = server.gate()
    if call == "save":
        whole = reply(200, {"id": "file-1", "content": "x" * len(CONTENT)})
        at = len(whole) - HALF
        server.then(whole[:at], gate, whole[at:]).always(whole)
        return server, gate, b"x" * len(CONTENT)
    server.always(told(storage))
    whole = reply(200, CONTENT, etag='"1"')
    gate = storage.gate()
    storage.then(whole[:-HALF], gate, whole[-HALF:]).always(whole)
    return storage, gate, CONTENT


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("call", ["save", "fetch"])
async def test_the_second_is_refused(kind, call, server, storage, tmp_path):
    asked, gate, content = scripted(call, server, storage)
    before = Held.now()
    first = asyncio.create_task(opened(Api(kind, server.url), call, tmp_path))
    assert await asked.arrivals()
    assert await asyncio.to_thread(_grows, tmp_path / "f.part")
    with pytest.raises(FileExistsError, match="another download"):
        await opened(Api(kind, server.url), call, tmp_path)
    gate.open()
    await first
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_bytes() == content
    assert (await asyncio.to_thread(settled, before)).files == 0


def _grows(path):
    for _ in range(1000):
        if path.exists() and path.stat().st_size:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("call", ["save", "fetch"])
async def test_many_at_once_leave_one_whole_file(kind, call, server, storage, tmp_path):
    """Whoever comes too late to be refused finds the file there."""
    server.always(
        reply(200, {"id": "file-1", "content": CONTENT.decode("latin-1")}) if call == "save" else told(storage)
    )
    storage.always(reply(200, CONTENT, etag='"1"'))

    def one(_):
        try:
            asyncio.run(_with(Api(kind, server.url), *_named(call, tmp_path)))
        except FileExistsError as error:
            return str(error)
        return "done"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(await asyncio.to_thread(lambda: list(pool.map(one, range(16)))))
    assert outcomes.count("done") == 1
    assert len(outcomes) == 16
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    wanted = CONTENT.decode("latin-1").encode() if call == "save" else CONTENT
    assert (tmp_path / "f").read_bytes() == wanted


def _named(call, folder):
    return ("files.download", "file-1", folder / "f") if call == "save" else ("models.download", "m", folder)


PROGRAM = """
import sys
from llmengine_integrations import Client
with Client(sys.argv[1], max_retries=0) as client:
    try:
        client.models.download("m", sys.argv[2], max_retries=0)
    except FileExistsError as error:
        print(error)
    else:
        print("done")
"""


def process(server, folder):
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, server.url, str(folder)], stdout=subprocess.PIPE, text=True
    )


async def test_processes_keep_apart(server, storage, tmp_path):
    _, gate, content = scripted("fetch", server, storage)
    first = process(server, tmp_path)
    assert await storage.arrivals()
    assert await asyncio.to_thread(_grows, tmp_path / "f.part")
    second = process(server, tmp_path)
    assert "another download" in (await asyncio.to_thread(second.communicate, timeout=60))[0]
    gate.open()
    assert (await asyncio.to_thread(first.communicate, timeout=60))[0] == "done\n"
    assert (tmp_path / "f").read_bytes() == content


async def test_one_that_was_killed_keeps_nobody_out(server, storage, tmp_path):
    scripted("fetch", server, storage)
    first = process(server, tmp_path)
    assert await asyncio.to_thread(_grows, tmp_path / "f.part")
    first.kill()
    await asyncio.to_thread(first.communicate, timeout=60)
    api = Api("async", server.url)
    await api.call("models.download", "m", tmp_path, max_retries=0)
    await api.close()
    assert (tmp_path / "f").read_bytes() == CONTENT


@pytest.mark.parametrize("kind", OWN)
async def test_after_a_failure_the_next_one_may(kind, api, server, storage, tmp_path):
    """Nothing of the first one writes on, or keeps the second out."""
    server.always(told(storage))
    for _ in range(5):
        storage.then(reply(200, CONTENT, etag='"1"')[:-HALF], CLOSE)
        with pytest.raises(APIConnectionError):
            await api.call("models.download", "m", tmp_path, max_retries=0)
        assert (tmp_path / "f.part").stat().st_size <= len(CONTENT)
    storage.always(reply(200, CONTENT, etag='"2"'))
    await api.call("models.download", "m", tmp_path)
    assert (tmp_path / "f").read_bytes() == CONTENT


@pytest.mark.parametrize("kind", OWN)
async def test_a_download_that_brings_nothing_leaves_nothing(kind, api, server, storage, tmp_path):
    server.always(told(storage))
    storage.always(CLOSE)
    with pytest.raises(APIConnectionError):
        await api.call("models.download", "m", tmp_path, max_retries=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links cannot be told there")
@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("call", ["save", "fetch"])
async def test_a_link_in_the_part_s_place_is_not_written_through(kind, call, api, server, storage, tmp_path):
    """In a folder that others may write to, too."""
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "f.part").symlink_to(precious)
    server.always(reply(200, {"id": "file-1", "content": "x"}) if call == "save" else told(storage))
    storage.always(reply(200, CONTENT))
    with pytest.raises(OSError, match=r"f\.part"):
        await api.call(*_named(call, folder))
    assert precious.read_text() == "keep me"


def test_a_file_that_was_put_in_its_place_meanwhile_is_not_claimed(tmp_path, monkeypatch):
    """Between opening a part and locking it, its holder may be done with it: what is open then is somebody's whole file."""
    part, whole = tmp_path / "f.part", tmp_path / "f"
    part.write_text("whole")
    lock = _file_lock._claim

    def late(descriptor, path):
        if not whole.exists():
            path.replace(whole)
        lock(descriptor, path)

    monkeypatch.setattr(_file_lock, "_claim", late)
    claim = _file_lock.Claim(part)
    assert part.read_text() == ""
    assert os.path.samestat(os.fstat(claim._descriptor), part.stat())
    claim.drop(part)
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
