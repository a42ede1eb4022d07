"""`models.download`: files from a foreign storage, several at a time, through cuts; and what may go wrong with them."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections import deque

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core._api import EVERY, Api
from core._server import reply
from core._storage import PATIENCE, Storage
from llmengine_integrations.core._steps import Done, Sleep, advance
from llmengine_integrations.core.downloads import protocol as _download
from llmengine_integrations.core.downloads.protocol import (
    Get,
    Head,
    Part,
    Receive,
    Renew,
    download_steps,
    safe_name,
    safe_names,
)
from llmengine_integrations.core.transport.httpx_backend.backend import HttpxBackend
from llmengine_integrations.errors import (
    APIConnectionError,
    AuthenticationError,
    InvalidArgumentError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
)

BIG = random.Random(7).randbytes(3_000_000)  # noqa: S311 - no secret
SMALL = b"# A model\n"
FORBIDDEN = (403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>", {})


@pytest.fixture
def storage():
    with Storage() as storage:
        yield storage


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(_download, "backoff", lambda tries: 0.001)


@pytest.fixture
def offer(server):
    """Have the gateway name files."""

    def offer(**urls):
        server.then(reply(200, {"urls": {name.replace("__", "."): url for name, url in urls.items()}}))

    return offer


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "models" / "mine"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", EVERY)
async def test_the_files_arrive(api, offer, storage, folder, server):
    offer(a__bin=storage.put("a", BIG), README__md=storage.put("r", SMALL), empty__txt=storage.put("e", b""))
    paths = await api.call("models.download", "m", folder)
    assert paths == {name: folder / name for name in ("README.md", "a.bin", "empty.txt")}
    assert [path.read_bytes() for path in paths.values()] == [SMALL, BIG, b""]
    assert names(folder) == ["README.md", "a.bin", "empty.txt"]
    assert server.received[0].json == {"model_name": "m"}


@pytest.mark.parametrize("kind", EVERY)
async def test_a_download_that_is_cut_three_times_is_gone_on_with(api, offer, storage, folder):
    offer(a__bin=storage.put("a", BIG, cuts=deque([1_000_000, 700_000, 600_000])))
    paths = await api.call("models.download", "m", folder, max_retries=1)
    assert paths["a.bin"].read_bytes() == BIG
    assert names(folder) == ["a.bin"]
    first, *rest = storage.ranges("a")
    assert first is None
    assert len(rest) == 3
    starts = [int(wanted.removeprefix("bytes=").removesuffix("-")) for wanted in rest]
    assert starts == sorted(set(starts))
    assert starts[0] >= 500_000  # what had come by then was kept, but for what a library buffered
    assert all(asked.headers.get("if-range") == storage.blobs["/a"].etag for asked in storage.asked[1:])


async def test_a_later_call_goes_on(api, offer, storage, folder):
    """As after the process has ended: only the files tell what was there."""
    url = storage.put("a", BIG, cuts=deque([2_000_000]))
    offer(a__bin=url)
    with pytest.raises(APIConnectionError, match=r"a\.bin: "):
        await api.call("models.download", "m", folder, max_retries=0)
    assert names(folder) == ["a.bin.part", "a.bin.part.json"]
    kept = (folder / "a.bin.part").stat().st_size
    assert kept > 1_000_000
    offer(a__bin=url)
    paths = await api.call("models.download", "m", folder)
    assert paths["a.bin"].read_bytes() == BIG
    assert storage.ranges("a") == [None, f"bytes={kept}-"]
    assert names(folder) == ["a.bin"]


async def test_files_appear_together(api, offer, storage, folder):
    urls = {"a": storage.put("a", BIG), "z": storage.put("z", SMALL, instead=deque([(404, b"", {})]))}
    offer(**urls)
    with pytest.raises(NotFoundError, match="z: "):
        await api.call("models.download", "m", folder, max_concurrency=1)
    assert names(folder) == ["a.part", "a.part.json"]
    offer(**urls)
    await api.call("models.download", "m", folder)
    assert (folder / "a").read_bytes() == BIG
    # Of a whole part its last byte is asked for again: it is still the same file.
    assert storage.ranges("a") == [None, f"bytes={len(BIG) - 1}-"]


async def test_a_file_that_has_changed_is_fetched_anew(api, offer, storage, folder):
    url = storage.put("a", BIG, cuts=deque([2_000_000]))
    offer(a=url)
    with pytest.raises(APIConnectionError):
        await api.call("models.download", "m", folder, max_retries=0)
    storage.put("a", BIG[::-1])
    offer(a=url)
    paths = await api.call("models.download", "m", folder)
    assert paths["a"].read_bytes() == BIG[::-1]


@pytest.mark.parametrize("etag", [None, ""])
async def test_a_storage_without_ranges_starts_again(api, offer, storage, folder, etag):
    offer(a=storage.put("a", BIG, ranges=False, etag=etag, cuts=deque([1_000_000, 2_000_000, 500_000])))
    paths = await api.call("models.download", "m", folder)
    assert paths["a"].read_bytes() == BIG
    assert len(storage.asked) == 4


async def test_without_an_etag_the_size_must_be_the_same(api, offer, storage, folder):
    offer(a=storage.put("a", BIG, etag="", cuts=deque([1_000_000])))
    assert (await api.call("models.download", "m", folder))["a"].read_bytes() == BIG
    assert len(storage.asked) == 2
    assert storage.ranges("a")[1]
    assert "if-range" not in storage.asked[1].headers


async def test_a_file_without_a_length(api, offer, storage, folder):
    seen = []
    offer(a=storage.put("a", BIG, length=False))
    paths = await api.call("models.download", "m", folder, on_progress=lambda *seeing: seen.append(seeing))
    assert paths["a"].read_bytes() == BIG
    assert seen[-1] == ("a", len(BIG), None)


async def test_tries_that_bring_nothing_come_to_an_end(api, offer, storage, folder):
    offer(a=storage.put("a", BIG, cuts=deque([0] * 9)))
    with pytest.raises(APIConnectionError, match="a: "):
        await api.call("models.download", "m", folder, max_retries=2)
    assert len(storage.asked) == 3


async def test_a_storage_that_is_busy_is_asked_again(api, offer, storage, folder):
    busy = (503, b"<Error><Code>SlowDown</Code></Error>", {})
    offer(a=storage.put("a", SMALL, instead=deque([busy, busy])))
    assert (await api.call("models.download", "m", folder))["a"].read_bytes() == SMALL
    offer(b=storage.put("b", SMALL, instead=deque([busy])))
    with pytest.raises(ServerError, match=r"b: The storage answered with status 503 \(SlowDown\)") as caught:
        await api.call("models.download", "m", folder, max_retries=0)
    assert "Signature" not in f"{caught.value} {vars(caught.value)}"


@pytest.mark.parametrize("kind", EVERY)
async def test_the_storage_gets_no_credentials(kind, server, offer, storage, folder):
    given = None
    if kind.endswith("httpx"):
        make = httpx.AsyncClient if kind.startswith("async") else httpx.Client
        given = make(
            headers={"Authorization": "Basic c2VjcmV0", "X-Secret": "secret"},
            auth=("user", "secret"),
            params={"secret": "1"},
            cookies={"session": "secret"},
            follow_redirects=True,
        )
    api = Api(
        kind,
        server.url,
        api_key="sk-secret",
        default_headers={"X-Team-Secret": "secret"},
        **({"http_client": given} if given else {}),
    )
    elsewhere = storage.put("b", SMALL)
    offer(a=storage.put("a", SMALL, instead=deque([(307, b"", {"Location": elsewhere})])))
    await api.call("models.download", "m", folder)
    await api.close()
    assert {asked.path for asked in storage.asked} == {"/a", "/b"}
    for asked in storage.asked:
        assert set(asked.headers) <= {"host", "accept", "accept-encoding", "user-agent", "connection"}
        assert "secret" not in str(asked.headers)
    assert "authorization" in server.received[0].headers


async def test_an_expired_url_is_renewed_once_for_all_files(api, server, storage, folder):
    old = {name: storage.put(f"old-{name}", b"", instead=deque([FORBIDDEN] * 9)) for name in "abc"}
    new = {name: storage.put(f"new-{name}", BIG) for name in "abc"}
    server.then(reply(200, {"urls": old})).then(reply(200, {"urls": new}))
    paths = await api.call("models.download", "m", folder)
    assert [path.read_bytes() for path in paths.values()] == [BIG] * 3
    assert len(server.received) == 2


async def test_a_refusal_of_the_new_url_too_is_an_error(api, server, storage, folder):
    url = storage.put("a", b"", instead=deque([FORBIDDEN] * 9))
    server.always(reply(200, {"urls": {"a": url}}))
    with pytest.raises(PermissionDeniedError, match=r"a: .*403 \(AccessDenied: Request has expired\)") as caught:
        await api.call("models.download", "m", folder)
    assert len(server.received) == 2
    assert "Signature" not in f"{caught.value} {vars(caught.value)}"


async def test_when_the_gateway_has_forgotten_the_file(api, server, storage, folder):
    url = storage.put("a", b"", instead=deque([FORBIDDEN] * 9))
    server.then(reply(200, {"urls": {"a": url}})).then(reply(200, {"urls": {"b": url}}))
    with pytest.raises(InvalidResponseError, match="no longer names a"):
        await api.call("models.download", "m", folder)


async def test_progress(api, offer, storage, folder):
    seen, inside = [], threading.Lock()

    def watch(*seeing):
        assert inside.acquire(blocking=False), "called twice at the same time"
        seen.append(seeing)
        time.sleep(0.0001)
        inside.release()

    offer(a=storage.put("a", BIG, cuts=deque([1_000_000])), b=storage.put("b", BIG))
    await api.call("models.download", "m", folder, on_progress=watch)
    for name in "ab":
        done = [count for who, count, total in seen if who == name and total == len(BIG)]
        assert done == sorted(done)
        assert done[-1] == len(BIG)
        assert len(done) > 2
    assert {name for name, *_ in seen} == {"a", "b"}


async def test_an_error_of_the_progress_ends_it(api, offer, storage, folder):
    offer(a=storage.put("a", BIG))

    def stop(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await api.call("models.download", "m", folder, on_progress=stop)
    assert "a" not in names(folder)


@pytest.mark.parametrize("most", [1, 3])
async def test_so_many_at_a_time(api, offer, storage, folder, most):
    offer(**{f"f{number}": storage.put(f"f{number}", BIG[:500_000]) for number in range(8)})
    await api.call("models.download", "m", folder, max_concurrency=most)
    assert storage.most_at_once <= most
    assert len(names(folder)) == 8


async def test_cancelling_a_task_ends_it(offer, storage, folder, server):
    hold = threading.Event()
    offer(a=storage.put("a", BIG, hold=hold))
    api = Api("async", server.url)
    seen = asyncio.Event()
    task = asyncio.create_task(api.call("models.download", "m", folder, on_progress=lambda *_: seen.set()))
    await asyncio.wait_for(seen.wait(), PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(folder) == ["a.part", "a.part.json"]
    await api.close()


def test_an_interrupt_ends_it_at_once(offer, storage, folder, server):
    """Ctrl-C while a storage is silent."""
    hold = threading.Event()
    offer(a=storage.put("a", BIG, hold=hold), b=storage.put("b", SMALL))

    def interrupt(name, *_):
        if name == "b":
            raise KeyboardInterrupt

    api = Api("sync", server.url)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        api.client.models.download("m", folder, on_progress=interrupt)
    assert time.monotonic() - begun < PATIENCE / 2
    api.client.close()


async def test_what_is_there_is_not_overwritten(api, offer, storage, folder):
    folder.mkdir(parents=True)
    (folder / "a").write_bytes(b"mine")
    offer(a=storage.put("a", SMALL), b=storage.put("b", SMALL))
    with pytest.raises(FileExistsError, match="overwrite=True"):
        await api.call("models.download", "m", folder)
    assert names(folder) == ["a"]
    assert (folder / "a").read_bytes() == b"mine"
    assert not storage.asked
    offer(a=storage.url("/a"))
    await api.call("models.download", "m", folder, overwrite=True)
    assert (folder / "a").read_bytes() == SMALL


async def test_names_stay_in_the_folder(api, server, storage, folder):
    url = storage.put("x", SMALL)
    hostile = ["../../up", "/etc/passwd", "C:\\boot.ini", "..", "nul", "a\nb", "A", "a", "x\0y", "\u202egpj.exe"]
    server.then(reply(200, {"urls": dict.fromkeys(hostile, url)}))
    paths = await api.call("models.download", "m", folder)
    assert set(paths) == set(hostile)
    assert all(path.parent == folder for path in paths.values())
    assert names(folder) == sorted(path.name for path in paths.values())
    assert names(folder) == sorted(["up", "passwd", "boot.ini", "_", "_nul_", "a_b", "A", "a-2", "x_y", "_gpj.exe"])
    assert sorted(path.name for path in folder.parents[1].iterdir()) == ["models"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://storage.example.com/a", "not encrypted"),
        ("file:///etc/passwd", "not an https URL"),
        ("ftp://127.0.0.1/a", "not an https URL"),
        ("a", "not an https URL"),
        ("http://[", "not valid"),
    ],
)
async def test_urls_that_are_not_fetched(api, offer, folder, url, said):
    offer(a=url)
    with pytest.raises(InvalidResponseError, match=said):
        await api.call("models.download", "m", folder, max_retries=0)


async def test_a_redirect_to_such_a_url_is_not_followed(api, offer, storage, folder):
    for location in ("http://storage.example.com/a", "file:///etc/passwd"):
        offer(a=storage.put("a", b"", instead=deque([(302, b"", {"Location": location})])))
        with pytest.raises(InvalidResponseError, match="The URL of the file"):
            await api.call("models.download", "m", folder)
    offer(a=storage.put("a", b"", instead=deque([(302, b"", {"Location": "/a"})] * 9)))
    with pytest.raises(InvalidResponseError, match="redirects"):
        await api.call("models.download", "m", folder)


async def test_certificates_are_checked_whatever_the_gateway_is(server):
    """Our transport to a gateway on plain http would check none."""
    from llmengine_integrations.core.transport.aiohttp_backend.backend import AiohttpBackend  # noqa: PLC0415 - as late as the client does

    assert HttpxBackend(secure=False).for_other_hosts(None)._secure
    assert AiohttpBackend(secure=False).for_other_hosts(None)._secure


async def test_arguments_that_make_no_sense(api, server, folder):
    server.always(reply(200, {"urls": {}}))
    with pytest.raises(InvalidArgumentError, match="max_concurrency"):
        await api.call("models.download", "m", folder, max_concurrency=0)
    with pytest.raises(InvalidArgumentError, match="empty"):
        await api.call("models.download", "", folder)
    with pytest.raises(InvalidResponseError, match="no file"):
        await api.call("models.download", "m", folder)


async def test_the_gateways_own_error_comes_through(api, server, folder):
    server.then(reply(401, {"detail": "Could not authenticate user"}))
    with pytest.raises(AuthenticationError):
        await api.call("models.download", "m", folder)
    assert not folder.exists()


# The steps of one file, without I/O.


class Stage:
    """Plays the driver of `download_steps`: `heads` are the replies, each with the bytes of body that come, or an error."""

    def __init__(self, *heads, part=None, new_url="https://new/"):
        self.heads = deque(heads)
        self.part = part or Part()
        self.new_url = new_url
        self.asked, self.slept, self.renewed = [], [], 0

    def run(self, **options):
        options = {"max_retries": 2, "allow_http": False} | options
        steps = download_steps("f", "https://old/", self.part, **options)
        step = advance(steps)
        while not isinstance(step, Done):
            answer, error = None, None
            match step:
                case Get():
                    self.asked.append((step.url, step.headers.get("range")))
                    answer, self.coming = self.heads.popleft()
                case Receive():
                    self.part.size += self.coming
                case Renew():
                    self.renewed += 1
                    answer = self.new_url
                case Sleep():
                    self.slept.append(step.seconds)
            if isinstance(answer, Exception):
                answer, error = None, answer
            step = advance(steps, answer, error)


def whole(length=10, etag='"e"', coming=None, **headers):
    fields = {"content-length": str(length), "etag": etag} | {k.replace("_", "-"): v for k, v in headers.items()}
    return Head(200, fields), length if coming is None else coming


def rest(start, total=10, etag='"e"', coming=None):
    return Head(206, {"content-range": f"bytes {start}-{total - 1}/{total}", "etag": etag}), (
        total - start if coming is None else coming
    )


def test_a_weak_etag_says_nothing():
    stage = Stage(whole(etag='W/"e"', coming=4), rest(4, etag='W/"e"'))
    stage.run()
    assert stage.asked[1] == ("https://old/", "bytes=4-")
    assert stage.part.validator is None


@pytest.mark.parametrize(
    "answer",
    [
        (Head(206, {"content-range": "bytes 3-9/10", "etag": '"e"'}), 7),
        (Head(206, {"content-range": "bytes 4-11/12", "etag": '"e"'}), 8),
        (Head(206, {"content-range": "bytes 4-9/10", "etag": '"other"'}), 6),
        (Head(206, {}), 6),
        (Head(206, {"content-range": "bytes 4-x/10", "etag": '"e"'}), 6),
        (Head(416, {}), 0),
    ],
)
def test_an_answer_that_does_not_go_on_starts_again(answer):
    stage = Stage(whole(coming=4), answer, whole())
    stage.run(max_retries=1)
    assert [wanted for _, wanted in stage.asked] == [None, "bytes=4-", None]
    assert stage.part.size == 10


def test_a_rest_without_a_total_is_not_the_rest():
    """The storage never said how long the file is: after this nothing would tell that it ends too early."""
    rest_of_some = Head(206, {"content-range": "bytes 4-5/*", "etag": '"e"'})
    stage = Stage((rest_of_some, 2), whole(), part=Part(4, None, '"e"'))
    stage.run()
    assert [wanted for _, wanted in stage.asked] == ["bytes=4-", None]
    assert stage.part.size == stage.part.total == 10


def test_a_length_that_was_said_once_holds():
    """A later reply with the same file may leave it out, and end with its connection."""
    stage = Stage(whole(coming=4), (Head(200, {"etag": '"e"'}), 7), whole())
    stage.run()
    assert len(stage.asked) == 3
    stage = Stage(whole(coming=4), (Head(200, {"etag": '"other"'}), 7))
    stage.run()
    assert stage.part.size == 7


def test_a_range_that_nobody_asked_for_is_no_answer():
    with pytest.raises(InvalidResponseError):
        Stage(rest(0)).run()


def test_a_reply_longer_than_it_says_is_thrown_away():
    stage = Stage(whole(coming=11), whole())
    stage.run()
    assert [wanted for _, wanted in stage.asked] == [None, None]


def test_a_compressed_file_is_refused():
    """Nothing would tell a cut in it, nor limit what it unpacks to."""
    stage = Stage(whole(length=3, coming=50, content_encoding="gzip"))
    with pytest.raises(InvalidResponseError, match="compressed the file"):
        stage.run()
    assert stage.part.size == 0


def test_new_bytes_renew_the_patience():
    cut = (APIConnectionError("cut"), 0)
    stage = Stage(
        whole(100, coming=10), cut, rest(10, 100, coming=10), cut, rest(20, 100, coming=10), cut, rest(30, 100)
    )
    stage.run(max_retries=2)
    stage = Stage(whole(100, coming=10), cut, cut, cut)
    with pytest.raises(APIConnectionError):
        stage.run(max_retries=2)


def test_a_url_may_expire_again_after_new_bytes():
    no = (Head(403, {}), 0)
    stage = Stage(no, whole(coming=5), no, rest(5))
    stage.run()
    assert stage.renewed == 2
    stage = Stage(no, no)
    with pytest.raises(PermissionDeniedError):
        stage.run()


def test_backoff_grows_and_ends(monkeypatch):
    monkeypatch.undo()
    for tries in range(12):
        assert all(0 <= _download.backoff(tries) <= min(8, 0.5 * 2**tries) for _ in range(50))


@given(st.lists(st.text(), unique=True, max_size=20))
def test_any_names_are_made_safe_and_different(found):
    safe = safe_names(found)
    assert set(safe) == set(found)
    assert len({name.casefold() for name in safe.values()}) == len(found)
    for name in safe.values():
        assert name not in {"", ".", ".."}
        assert name.isprintable()
        assert not set(name) & set('/\\<>:"|?*')
        assert name == name.rstrip(". ")
        assert len(name.encode()) < 240
        assert not name.endswith((".part", ".part.json"))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("adapter_model.bin", "adapter_model.bin"),
        (".gitattributes", ".gitattributes"),
        ("a/b/c.txt", "c.txt"),
        ("CON.txt", "_CON.txt_"),
        ("com1 .bin", "_com1 .bin_"),
        ("lpt9", "_lpt9_"),
        ("console", "console"),
        ("x.part", "_x.part_"),
        ("x.part.json", "_x.part.json_"),
        ("trailing. .", "trailing"),
        ("naïve 東京.json", "naïve 東京.json"),
        ("é" * 200 + ".safetensors", "é" * 94 + ".safetensors"),
    ],
)
def test_safe_names(name, safe):
    assert safe_name(name) == safe


def test_a_damaged_note_starts_again(offer, storage, folder, server):
    folder.mkdir(parents=True)
    for note in (
        "",
        "[]",
        '{"total": 3}',
        json.dumps({"total": "x", "validator": 1}),
        json.dumps({"total": 2, "validator": "e"}),
    ):
        (folder / "a.part").write_bytes(b"1234")
        (folder / "a.part.json").write_text(note)
        offer(a=storage.put("a", SMALL))
        api = Api("sync", server.url)
        assert api.client.models.download("m", folder, overwrite=True)["a"].read_bytes() == SMALL
        api.client.close()
    assert storage.ranges("a") == [None] * 5
