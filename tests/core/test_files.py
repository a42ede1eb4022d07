"""What `client.files` sends, and how its texts come back."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core._api import EVERY, Api
from core._server import CLOSE, reply
from llmengine_integrations.core._operation import Operation, Request
from llmengine_integrations.core.downloads.local_files import Writer
from llmengine_integrations.core.resources.files import Files
from llmengine_integrations.core.streams.file_content import JsonText
from llmengine_integrations.errors import (
    APIConnectionError,
    InvalidArgumentError,
    InvalidResponseError,
    NotFoundError,
    TrainingDataError,
)
from llmengine_integrations.wire.files import File, FileContent, FileDeletion, FileList

TEXT = 'prompt,response\n"a ""quoted"" \\ word",wörld 😀\u2028\n'
FILE = reply(200, {"id": "file-1", "filename": "train.csv", "size": 3})
GONE = reply(404, {"detail": "The specified file could not be found."})


def content(text=TEXT, **around) -> bytes:
    return reply(200, {"id": "file-1", "content": text} | around)


def cut(text=TEXT) -> bytes:
    return content(text)[:-5]


# What is sent.


def test_operations():
    assert Files.get.build(None, "file-1") == Operation(Request(method="GET", path="/v1/files/file-1"), File)
    assert Files.list.build(None) == Operation(Request(method="GET", path="/v1/files"), FileList)
    assert Files.content.build(None, "file-1") == Operation(
        Request(method="GET", path="/v1/files/file-1/content"), FileContent
    )


@pytest.mark.parametrize("method", ["get", "content", "delete", "download"])
@pytest.mark.parametrize("file_id", ["", "a/b", "..", "../fine-tunes"])
async def test_ids_that_would_reach_another_route_are_refused(api, server, tmp_path, method, file_id):
    """Failure 6 of upstream's client: names went into the path as they were."""
    more = [tmp_path / "x"] if method == "download" else []
    with pytest.raises(InvalidArgumentError):
        await api.call(f"files.{method}", file_id, *more)
    assert not server.received


async def test_ids_are_encoded(api, server):
    server.then(FILE)
    await api.call("files.get", "train 1.csv?x#y")
    assert server.targets == ["/v1/files/train%201.csv%3Fx%23y"]


async def test_a_newer_server_breaks_nothing(api, server):
    server.then(reply(200, {"files": [{"id": "f", "filename": "n", "size": 1, "purpose": "x"}], "has_more": False}))
    files = await api.call("files.list")
    assert len(files) == 1
    assert files[0].model_extra == {"purpose": "x"}


async def test_deleting(api, server):
    server.then(reply(200, {"deleted": True}))
    assert await api.call("files.delete", "file-1") == FileDeletion(deleted=True)
    server.then(reply(200, {"deleted": False}))
    with pytest.raises(NotFoundError, match="no file 'file-1'"):
        await api.call("files.delete", "file-1")
    server.then(reply(200, {"deleted": False}))
    assert not (await api.call("files.delete", "file-1", missing_ok=True)).deleted


async def test_calls_share_a_connection(api, server):
    """Failure 14 of upstream's client: a connection for every call."""
    server.always(FILE)
    for _ in range(3):
        await api.call("files.get", "file-1")
    assert server.connections == 1


async def test_a_text_file_object_works(api, server, tmp_path):
    """Failure 16 of upstream's client left files and replies open; ResourceWarnings are errors here."""
    path = tmp_path / "train.csv"
    path.write_text("a,b\n")
    server.then(reply(200, {"id": "file-1"}))
    with path.open() as file:
        assert (await api.call("files.upload", file)).id == "file-1"


async def test_a_base_url_with_a_path_and_no_slash(connect, server):
    """Failure 17 of upstream's client: the last segment was lost."""
    api = connect(f"{server.url}/some/llm-engine")
    server.then(reply(200, {"id": "file-1"}))
    await api.call("files.upload", b"x")
    assert server.targets == ["/some/llm-engine/v1/files"]


# Checking.

GOOD = "prompt,response\n" + "a,b\n" * 200


async def test_a_bad_file_is_not_sent(api, server, tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("prompt,response\na,\n")
    with pytest.raises(TrainingDataError, match=r"train\.csv .* row 2, column response: The cell is empty"):
        await api.call("files.upload", path, check=True)
    assert not server.received


async def test_a_good_file_is_sent_whole(api, server):
    server.always(reply(200, {"id": "file-1"}))
    file = io.BytesIO(b"skipped\n" + GOOD.encode())
    file.readline()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await api.call("files.upload", file, check=True)
    assert b"\r\n\r\nprompt,response\n" in server.received[0].body
    assert server.received[0].body.count(b"a,b\n") == 200


async def test_few_rows_are_a_warning(api, server):
    server.always(reply(200, {"id": "file-1"}))
    with pytest.warns(UserWarning, match=r"t\.csv: The file has 1 row; 200 or more are advised"):
        await api.call("files.upload", b"prompt,response\na,b\n", filename="t.csv", check=True)
    assert server.received


async def test_checking_alone_sends_nothing(api, server):
    found = await api.call("files.check", GOOD.encode())
    assert (found.format, found.columns, found.rows, found.warnings) == ("csv", ("prompt", "response"), 200, ())
    assert not server.received


async def test_what_can_be_read_once_cannot_be_checked(api, server):
    class Once(io.RawIOBase):
        def readable(self):
            return True

        def read(self, count=-1):
            return b""

    with pytest.raises(InvalidArgumentError, match="read only once"):
        await api.call("files.upload", Once(), check=True)


# Downloading.


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("text", ["", TEXT, TEXT * 50_000], ids=["empty", "small", "big"])
async def test_a_file_comes_back_byte_for_byte(api, server, tmp_path, text):
    server.then(content(text))
    path = await api.call("files.download", "file-1", tmp_path / "new" / "t.csv")
    assert path == tmp_path / "new" / "t.csv"
    assert path.read_bytes() == text.encode()
    assert [other.name for other in path.parent.iterdir()] == ["t.csv"]


async def test_a_download_tells_how_far_it_is(api, server, tmp_path, naps):
    text, told = TEXT * 20_000, []
    size = len(text.encode())
    stored = reply(200, {"id": "file-1", "filename": "t.csv", "size": size})
    server.then(stored).then(content(text)[:-1000], CLOSE).then(content(text))
    path = tmp_path / "t.csv"
    await api.call("files.download", "file-1", path, on_progress=lambda done, total: told.append((done, total)))
    assert path.read_bytes() == text.encode()
    assert {total for _, total in told} == {size}
    done = [count for count, _ in told]
    again = next(n for n in range(1, len(done)) if done[n] < done[n - 1])  # after the cut
    assert done[:again] == sorted(done[:again])
    assert done[again:] == sorted(done[again:])
    assert done[-1] == size
    assert len(told) > 4


@pytest.mark.parametrize("to", [str, Path, lambda path: f"{path}/new/"])
async def test_into_a_folder_under_its_own_name(api, server, tmp_path, to):
    server.then(reply(200, {"id": "file-1", "filename": "../../evil\n.csv", "size": 3})).then(content("x"))
    path = await api.call("files.download", "file-1", to(tmp_path))
    assert path.name == "evil_.csv"
    assert tmp_path in path.parents
    assert server.targets == ["/v1/files/file-1", "/v1/files/file-1/content"]


async def test_it_is_not_overwritten(api, server, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        await api.call("files.download", "file-1", path)
    assert not server.received
    server.then(content("theirs"))
    await api.call("files.download", "file-1", path, overwrite=True)
    assert path.read_text() == "theirs"


async def test_after_a_cut_it_is_fetched_anew(api, server, tmp_path, naps):
    text = TEXT * 20_000
    server.then(content(text)[:-1000], CLOSE).then(content(text))
    path = await api.call("files.download", "file-1", tmp_path / "t.csv")
    assert path.read_bytes() == text.encode()
    assert len(server.received) == 2


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ((cut(), CLOSE), APIConnectionError),
        ((GONE,), NotFoundError),
        ((reply(200, b"<html>"),), InvalidResponseError),
        ((reply(200, {"id": "x"}),), InvalidResponseError),
        ((reply(200, {"id": "x", "content": None}),), InvalidResponseError),
        ((reply(200, b'{"content": "abc'),), InvalidResponseError),
        ((reply(200, b'{"content": "abc"'),), InvalidResponseError),
        ((reply(200, b'{"content": "\xff"}'),), InvalidResponseError),
        ((reply(200, b'{"content": "\\ud800"}'),), InvalidResponseError),
        ((reply(200, b'{"content": "\\x0000000"}'),), InvalidResponseError),
    ],
)
async def test_nothing_is_left_of_a_failure(connect, server, tmp_path, script, error):
    """And what was there stays."""
    api = connect(max_retries=0)
    path = tmp_path / "t.csv"
    path.write_text("mine")
    server.then(*script)
    with pytest.raises(error):
        await api.call("files.download", "file-1", path, overwrite=True)
    assert [other.name for other in tmp_path.iterdir()] == ["t.csv"]
    assert path.read_text() == "mine"


async def test_cancelling_leaves_nothing(server, tmp_path):
    gate = server.gate()
    whole = content(TEXT * 50_000)
    server.then(whole[:1_000_000], gate, whole[1_000_000:])
    api = Api("async", server.url)
    task = asyncio.create_task(api.call("files.download", "file-1", tmp_path / "t.csv"))
    assert await server.arrivals(1)
    while not list(tmp_path.iterdir()):  # noqa: ASYNC110 - a file tells nobody that it is there
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.open()
    assert not list(tmp_path.iterdir())
    await api.close()


def test_a_writer_that_was_given_up_opens_nothing(tmp_path):
    """A task is cancelled while a thread is about to open the file: the thread comes too late."""
    writer = Writer(tmp_path / "x", note=(tmp_path / "note", "n"))
    writer.close()
    for act in (lambda: writer.write(b"x"), writer.finish):
        with pytest.raises(InterruptedError):
            act()
    assert not list(tmp_path.iterdir())


# A string out of JSON, piece by piece.


def read(raw: bytes, sizes: list[int]) -> bytes:
    reader, text, start = JsonText(), b"", 0
    while start < len(raw):
        size = sizes[0]
        sizes = [*sizes[1:], size]
        text += reader.feed(raw[start : start + size])
        start += size
    reader.end()
    return text


TRICKY = st.text(alphabet=st.sampled_from('"\\u{}[]:, \nabd83😀\u2028é'))
AROUND = st.sampled_from(
    [
        ({}, {}),
        ({"id": 'x","content":"no'}, {"more": [1, {"content": "no"}], "end": None}),
        ({"meta": {"content": "no"}, "id": "content", "x": ["content", ":"]}, {}),
    ]
)


@given(
    st.one_of(st.text(alphabet=st.characters(exclude_categories=["Cs"])), TRICKY),
    AROUND,
    st.booleans(),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
)
def test_any_text_in_any_pieces(text, around, ascii_only, sizes):
    before, after = around
    raw = json.dumps({**before, "content": text, **after}, ensure_ascii=ascii_only).encode()
    assert read(raw, sizes) == text.encode()
    assert read(raw, [len(raw)]) == text.encode()


@given(st.binary(max_size=60), st.integers(1, 7))
def test_any_bytes_give_what_json_gives_or_the_typed_error(raw, size):
    try:
        found = read(raw, [size])
    except InvalidResponseError:
        return
    assert found == json.loads(raw)["content"].encode()


def test_too_much_around_the_text_is_refused():
    with pytest.raises(InvalidResponseError, match="too much"):
        read(b'{"id": "' + b"x" * 3_000_000, [65536])


_MEASURE = textwrap.dedent("""
    import asyncio, resource, sys
    import aiohttp, httpx
    from llmengine_integrations import AsyncClient, Client
    kind, url, path = sys.argv[1:]
    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
    async def awaited():
        async with AsyncClient(url, "k") as client:
            await client.files.download("file-1", path)
    def blocking():
        with Client(url, "k") as client:
            client.files.download("file-1", path)
    before = peak()
    asyncio.run(awaited()) if kind == "async" else blocking()
    print(peak() - before)
""")


@pytest.mark.skipif(sys.platform == "win32", reason="needs getrusage")
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_memory_stays_as_it_was(kind, server, tmp_path):
    line, count = "prompt,response\n", 4_000_000
    raw = content(line * count)
    server.then(*(raw[start : start + 1_000_000] for start in range(0, len(raw), 1_000_000)))
    path = tmp_path / "big.csv"
    command = [sys.executable, "-c", _MEASURE, kind, server.url, str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)  # noqa: S603 - our own
    assert path.stat().st_size == len(line) * count
    assert int(ended.stdout) < 20 * 1024, "KiB above the start"
