"""Run the cells of the matrix: one fault, one operation, one kind of client each."""

from __future__ import annotations

import asyncio
import gc
import itertools
import pickle
import tempfile
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psutil

from core._api import EVERY, Api
from llmengine_integrations.core._timeouts import Timeout
from llmengine_integrations.core.streams import sse as _sse
from llmengine_integrations.core.transport import reply_bodies as _bodies
from llmengine_integrations.errors import LLMEngineError
from reliability._exchange import BLOB, NAME
from reliability._fault_server import Running
from reliability._faults import ONCE, Fault
from reliability._odd_faults import FAULTS

KEY = "sk-fault-5ecret"
UPLOAD = b"prompt,response\n" + b"a,b\n" * 70_000
STUCK = UPLOAD * 40  # more than the buffers of both ends take
HANGS = 30.0
"""Seconds after which a cell hangs."""
_numbers = itertools.count()
_CONTEXT = httpx.create_ssl_context()  # certificates take long to load


@dataclass(frozen=True)
class Cell:
    """What one call came to."""

    fault: str
    operation: str
    kind: str
    outcome: str
    number: str
    wrong: tuple[str, ...] = ()

    @property
    def expected(self) -> bool:
        return not self.wrong

    def __str__(self) -> str:
        return f"{self.fault} x {self.operation} x {self.kind}: {self.outcome} {', '.join(self.wrong)}"


async def call(api: Api, fault: Fault, operation: str, folder: str) -> object:  # noqa: PLR0911 - one row an operation
    """Make the call, and return the text that came."""
    match operation:
        case "read":
            return (await api.call("models.get", "m")).id
        case "create":
            return (await api.call("fine_tunes.create", "m", "file-1")).id
        case "infer":
            return (await api.create()).output.text
        case "stream":
            return await api.text()
        case "chat":
            return await _chat(api)
        case "upload":
            content = STUCK if fault.listen == "stops-reading" else UPLOAD
            return (await api.call("files.upload", content, "train.csv")).id
        case "save":
            saved = await api.call("files.download", "file-1", Path(folder) / "saved")
            return saved.read_text("utf-8")
        case _:
            limits = timeouts(fault)
            files = await api.call("models.download", "m", folder, max_retries=fault.retries, timeout=limits)
            return files[NAME].read_bytes()


async def _chat(api: Api) -> str:
    opened = api.client.chat.stream("m", [{"role": "user", "content": "hi"}])
    texts = []
    if hasattr(opened, "__aenter__"):
        async with opened as chunks:
            texts += [chunk.text async for chunk in chunks]
    else:
        with opened as chunks:
            texts += [chunk.text for chunk in chunks]
    return "".join(texts)


def timeouts(fault: Fault) -> Timeout:
    return Timeout(fault.seconds, fault.seconds, fault.seconds, 10.0, fault.total)


def address(server: Running, fault: Fault, operation: str, cell: str) -> str:
    path = f"/{fault.name}/{cell}"
    if operation == "fetch" or fault.listen is None:
        return server.url() + path
    if fault.listen == "starts-late":
        return server.late() + path
    if fault.listen == "no-such-host":
        return f"http://no-such-host.invalid{path}"
    return server.url(fault.listen) + path


async def run_cell(server: Running, fault: Fault, operation: str, kind: str) -> Cell:
    """Make one call, and say what is wrong with what it came to."""
    number = f"{next(_numbers)}"
    wrong: list[str] = []
    base = address(server, fault, operation, number)
    api = Api(kind, base, api_key=KEY, timeout=timeouts(fault), max_retries=fault.retries, **_given(kind))
    wanted: object = BLOB if operation == "fetch" else fault.text
    with tempfile.TemporaryDirectory() as folder:
        try:
            if fault.warm:
                await call(api, fault, operation, f"{folder}/warm")
                await asyncio.sleep(0.2)  # for the server's goodbye to arrive
            found = await asyncio.wait_for(call(api, fault, operation, folder), HANGS)
            outcome = "ok" if found == wanted else "other content"
        except LLMEngineError as error:
            outcome = type(error).__name__
            wrong += _told(error, base)
        except Exception as error:  # noqa: BLE001 - nothing else may come out
            outcome = f"{type(error).__name__}!"
            wrong.append(f"raised {error!r:.200}")
        finally:
            await api.close()
        if outcome.endswith("Error") and any((Path(folder) / name).exists() for name in ("saved", NAME)):
            wrong.append("left a file that is not whole")
    if outcome not in fault.expected[operation].split("|"):
        wrong.append(f"expected {fault.expected[operation]}")
    return Cell(fault.name, operation, kind, outcome, number, tuple(wrong))


def _given(kind: str) -> dict[str, object]:
    if not kind.endswith("-httpx"):
        return {}
    return {"http_client": (httpx.AsyncClient if kind.startswith("async") else httpx.Client)(verify=_CONTEXT)}


@contextmanager
def small_limits() -> Iterator[None]:
    """What is endless ends sooner, or all of it at once would take gigabytes."""
    real = _bodies.MAX_BODY, _sse.MAX_EVENT
    _bodies.MAX_BODY = _sse.MAX_EVENT = 4 * 1024 * 1024
    try:
        yield
    finally:
        _bodies.MAX_BODY, _sse.MAX_EVENT = real


def _told(error: LLMEngineError, base: str) -> list[str]:
    """What an error tells that it must not."""
    shown = "".join(traceback.format_exception(error)) + str(error) + repr(error) + repr(vars(error))
    wrong = [
        f"tells the {name}" for name, secret in (("key", KEY), ("signature", "presigned-5ecret")) if secret in shown
    ]
    if KEY.encode() in pickle.dumps(error):
        wrong.append("pickles the key")
    return wrong


@dataclass(frozen=True)
class Held:
    """What a process holds."""

    files: int
    threads: int
    tasks: int = 0

    @classmethod
    def now(cls) -> Held:
        return cls(psutil.Process().num_fds(), threading.active_count())


def settled(before: Held, seconds: float = 3.0) -> Held:
    """What is held beyond `before`, once the system has taken back what was given up."""
    end = time.monotonic() + seconds
    while True:
        gc.collect()
        now = Held.now()
        more = Held(max(0, now.files - before.files), max(0, now.threads - before.threads))
        if not (more.files or more.threads) or time.monotonic() > end:
            return more
        time.sleep(0.02)


def run(server: Running, names: Iterable[str], kinds: Iterable[str] = EVERY) -> tuple[list[Cell], Held]:
    """Run faults with every operation and client, all at once; return the cells, and what they have left behind."""
    faults = [FAULTS[name] for name in names]
    work = [
        (fault, operation, kind)
        for fault in faults
        for operation in fault.operations
        for kind in fault.kinds
        if kind in kinds
    ]
    blocking = [item for item in work if item[2].startswith("sync")]
    awaited = [item for item in work if not item[2].startswith("sync")]
    before, tasks = Held.now(), 0

    async def together() -> list[Cell]:
        nonlocal tasks
        cells = await asyncio.gather(*(run_cell(server, *item) for item in awaited))
        await asyncio.sleep(0.05)
        tasks = len(asyncio.all_tasks()) - 1
        return cells

    with small_limits(), ThreadPoolExecutor(48) as pool:
        done = [pool.submit(lambda item=item: asyncio.run(run_cell(server, *item))) for item in blocking]
        done.append(pool.submit(lambda: asyncio.run(together())))
        found = [future.result() for future in done]
    cells = [*found[:-1], *found[-1]]
    left = settled(before)
    sent = server.sent()
    return _counted(cells, sent), Held(left.files, left.threads, tasks)


def _counted(cells: list[Cell], sent: dict[str, int]) -> list[Cell]:
    """The cells, with what the server has counted: nothing is created twice, no storage is told the key."""
    return [replace(cell, wrong=(*cell.wrong, *_overdone(cell, sent))) for cell in cells]


def _overdone(cell: Cell, sent: dict[str, int]) -> Iterator[str]:
    allowed = 1 + FAULTS[cell.fault].warm
    if cell.operation in ONCE and (times := sent.get(f"{cell.number} {cell.operation}", 0)) > allowed:
        yield f"was sent {times} times"
    if any(sent.get(f"{cell.number}{moved} credentials") for moved in ("", "-moved")):
        yield "told the storage the key"
