"""Runs the steps of many downloads at once, with threads or with tasks."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from .._steps import Done, Sleep, advance
from .._timeouts import in_time, timeout_reason
from ..errors import APITimeoutError, InvalidResponseError
from .local_files import gathered_chunks
from .protocol import Get, Head, Receive, Renew, Step
from .telemetry import untraced

if TYPE_CHECKING:
    from ..transport.async_transport import AsyncTransport
    from ..transport.backend import AsyncBackend, AsyncIncomingReply, Backend, IncomingReply
    from ..transport.sync_transport import SyncTransport
    from .model_folder import Downloads, FileDownload

_ERROR_BODY = 64 * 1024


class Threads:
    """One download, blocking: threads take the files from a queue."""

    def __init__(self, job: Downloads, transport: SyncTransport) -> None:
        self._job = job
        self._transport = transport
        self._urls = job.urls
        self._backends: dict[str | None, Backend] = {}
        self._deadline = job.deadline()
        self._whole: list[FileDownload] = []
        self._lock = threading.Lock()
        self._renewing = threading.Lock()
        self.stop = threading.Event()

    def run(self) -> dict[str, Path]:
        """Fetch every file, or raise the error of the first one that fails."""
        files = self._job.prepare()
        waiting: SimpleQueue[FileDownload] = SimpleQueue()
        ended: SimpleQueue[BaseException | None] = SimpleQueue()
        for file in files:
            waiting.put(file)
        try:
            for _ in range(min(self._job.max_concurrency, len(files))):
                # Daemon threads: one that waits for a silent server must not keep the interpreter alive after Ctrl-C.
                threading.Thread(target=self._work, args=(waiting, ended), daemon=True).start()
            for _ in files:
                if (error := ended.get()) is not None:
                    raise error
            return self._job.keep(files)
        finally:
            with self._lock:
                self.stop.set()
                for backend in self._backends.values():
                    backend.close()
                for file in self._whole:
                    file.close()

    def _work(self, waiting: SimpleQueue[FileDownload], ended: SimpleQueue[BaseException | None]) -> None:
        while not self.stop.is_set():
            try:
                file = waiting.get_nowait()
            except Empty:
                return
            try:
                self._one(file)
            except BaseException as error:  # noqa: BLE001 - raised in the waiting thread
                ended.put(error)
            else:
                ended.put(None)

    def _one(self, file: FileDownload) -> None:
        """Fetch a file, which stays open until all are complete. If it fails, it is closed here, after the last write."""
        file.open()
        try:
            _ThreadFile(self, file).run()
            with self._lock:
                if self.stop.is_set():
                    raise InterruptedError
                self._whole.append(file)
        except BaseException:
            file.close()
            raise

    def send(self, step: Get) -> IncomingReply:
        """Request a URL."""
        backend = self._backend(step)
        with untraced():
            return backend.send(self._job.outgoing(step, self._deadline))

    def _backend(self, step: Get) -> Backend:
        proxy = self._transport.proxy(step.url)
        with self._lock:
            if self.stop.is_set():
                raise InterruptedError
            if proxy not in self._backends:
                self._backends[proxy] = self._transport.for_other_hosts(proxy)
            return self._backends[proxy]

    def sleep(self, seconds: float) -> None:
        """Wait before the next try, unless the deadline comes first."""
        if self._deadline is not None and time.monotonic() + seconds >= self._deadline:
            raise APITimeoutError(timeout_reason(sent=True))
        self.stop.wait(seconds)

    def renew(self, file: FileDownload, step: Renew) -> str:
        """Return the URL that replaces an expired one. The gateway is asked once for all files."""
        with self._renewing:
            if self._urls.get(file.name) == step.url:
                self._urls = self._transport.run(self._job.renew).urls
            if file.name not in self._urls:
                raise _not_named(file)
            return self._urls[file.name]

    def wrote(self, file: FileDownload, count: int) -> None:
        """Count the bytes that a file has gained. One thread at a time, so that a progress bar needs no lock."""
        with self._lock:
            if self.stop.is_set():
                raise InterruptedError
            file.wrote(count)


class _ThreadFile:
    def __init__(self, run: Threads, file: FileDownload) -> None:
        self._run = run
        self._file = file
        self._reply: IncomingReply | None = None

    def run(self) -> None:
        steps = self._file.steps()
        try:
            step = advance(steps)
            while not isinstance(step, Done):
                step = advance(steps, *self._outcome(step))
        finally:
            self._close()

    def _outcome(self, step: Step) -> tuple[object, Exception | None]:
        try:
            return self._take(step), None
        except Exception as error:  # noqa: BLE001 - the steps decide what to do about it
            return None, error

    def _take(self, step: Step) -> object:
        match step:
            case Get():
                return self._get(step)
            case Receive():
                return self._receive()
            case Renew():
                return self._run.renew(self._file, step)
            case Sleep():
                return self._run.sleep(step.seconds)

    def _get(self, step: Get) -> Head:
        self._close()
        self._reply = reply = self._run.send(step)
        return Head(reply.status, reply.headers, b"" if _is_wanted(reply.status) else reply.read_up_to(_ERROR_BODY))

    def _receive(self) -> None:
        if (reply := self._reply) is None:
            raise AssertionError
        writer = self._file.writer()
        try:
            for chunk in reply.chunks():
                writer.write(chunk)
                self._run.wrote(self._file, len(chunk))
            writer.finish()
        finally:
            writer.close()

    def _close(self) -> None:
        if self._reply is not None:
            self._reply.close()


class Tasks:
    """One download on an event loop, with a limited number of tasks, one for each file."""

    def __init__(self, job: Downloads, transport: AsyncTransport) -> None:
        self._job = job
        self._transport = transport
        self._urls = job.urls
        self._backends: dict[str | None, AsyncBackend] = {}
        self._deadline = job.deadline()
        self._lock = asyncio.Lock()
        self._room = asyncio.Semaphore(job.max_concurrency)

    async def run(self) -> dict[str, Path]:
        """Fetch every file, or raise the error of the first one that fails."""
        files = await asyncio.to_thread(self._job.prepare)
        tasks = [asyncio.create_task(self._one(file)) for file in files]
        try:
            gathered = asyncio.gather(*tasks)
            await (gathered if self._deadline is None else in_time(gathered, self._deadline))
            # Not in a thread: an abandoned one would continue.
            return self._job.keep(files)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for file in files:
                file.close()
            for backend in self._backends.values():
                await backend.close()

    async def _one(self, file: FileDownload) -> None:
        async with self._room:
            file.open()  # not in a thread: an abandoned one would hold a claim that nothing releases
            await _TaskFile(self, file).run()

    async def send(self, step: Get) -> AsyncIncomingReply:
        """Request a URL."""
        backend = self._backend(step)
        with untraced():
            return await backend.send(self._job.outgoing(step, self._deadline))

    def _backend(self, step: Get) -> AsyncBackend:
        proxy = self._transport.proxy(step.url)
        if proxy not in self._backends:
            self._backends[proxy] = self._transport.for_other_hosts(proxy)
        return self._backends[proxy]

    async def renew(self, file: FileDownload, step: Renew) -> str:
        """Return the URL that replaces an expired one. The gateway is asked once for all files."""
        async with self._lock:
            if self._urls.get(file.name) == step.url:
                self._urls = (await self._transport.run(self._job.renew)).urls
            if file.name not in self._urls:
                raise _not_named(file)
            return self._urls[file.name]


class _TaskFile:
    def __init__(self, run: Tasks, file: FileDownload) -> None:
        self._run = run
        self._file = file
        self._reply: AsyncIncomingReply | None = None

    async def run(self) -> None:
        steps = self._file.steps()
        try:
            step = advance(steps)
            while not isinstance(step, Done):
                step = advance(steps, *await self._outcome(step))
        finally:
            await self._close()

    async def _outcome(self, step: Step) -> tuple[object, Exception | None]:
        try:
            return await self._take(step), None
        except Exception as error:  # noqa: BLE001 - the steps decide what to do about it
            return None, error

    async def _take(self, step: Step) -> object:
        match step:
            case Get():
                return await self._get(step)
            case Receive():
                return await self._receive()
            case Renew():
                return await self._run.renew(self._file, step)
            case Sleep():
                return await asyncio.sleep(step.seconds)

    async def _get(self, step: Get) -> Head:
        await self._close()
        self._reply = reply = await self._run.send(step)
        return Head(
            reply.status, reply.headers, b"" if _is_wanted(reply.status) else await reply.read_up_to(_ERROR_BODY)
        )

    async def _receive(self) -> None:
        if (reply := self._reply) is None:
            raise AssertionError
        writer = self._file.writer()
        try:
            async for data in gathered_chunks(reply):
                await asyncio.to_thread(writer.write, data)
                self._file.wrote(len(data))
            await asyncio.to_thread(writer.finish)
        finally:
            writer.close()

    async def _close(self) -> None:
        if self._reply is not None:
            await self._reply.close()


def _is_wanted(status: int) -> bool:
    return status in {200, 206}


def _not_named(file: FileDownload) -> InvalidResponseError:
    return InvalidResponseError(f"The gateway no longer names {file.name}.")
