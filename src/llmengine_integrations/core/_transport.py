"""The drivers: they run operations, streams and flows over a backend, one blocking and one on an event loop.

What they share (building, parsing, retrying, decoding) does no I/O and stands once, in `_Driver` and the modules beside this one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tenacity import AsyncRetrying, Retrying

from . import _retry
from ._flow import Sleep
from ._io import Outgoing
from ._sse import SSEDecoder
from ._timeouts import Timeouts
from .errors import APIConnectionError, InvalidResponseError, LLMEngineError, from_reply

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ._flow import Flow
    from ._io import AsyncBackend, AsyncIncoming, Backend, Incoming
    from ._operation import Operation, Request, StreamOperation
    from ._settings import Settings

T = TypeVar("T")
ReplyT = TypeVar("ReplyT", bound="BaseModel")

_log = logging.getLogger("llmengine_integrations")


class _Driver:
    """What both drivers do, without I/O."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def outgoing(self, request: Request) -> Outgoing:
        content, headers = request.content, self.settings.headers
        return Outgoing(
            method=request.method,
            url=self.settings.base_url + request.target,
            headers=headers if content is None else {**headers, "content-type": "application/json"},
            content=content,
            timeouts=self.settings.timeouts if request.timeout is None else Timeouts.of(request.timeout),
        )

    def retries(self, request: Request, error: LLMEngineError) -> bool:
        """Whether another try is due after a first failure."""
        if not self.settings.max_retries or not _retry.is_retryable(error, request):
            self.explain(error)
            return False
        _log.debug("%s %s failed with %s; trying again", request.method, request.path, type(error).__name__)
        return True

    def policy(self, request: Request) -> _retry.Policy:
        return _retry.policy(request, self.settings.max_retries)

    def explain(self, error: LLMEngineError) -> None:
        """Add to a connection error which address was tried and what to do about it."""
        if not isinstance(error, APIConnectionError) or self.settings.base_url in error.message:
            return
        error.message = f"{error.message.rstrip('.')} ({self.settings.base_url})."
        if not error.sent:
            advice = (
                "Start the embedded engine with `llmengine serve`, or set LLM_ENGINE_BASE_PATH to a running one."
                if self.settings.loopback
                else "Check base_url (LLM_ENGINE_BASE_PATH), the network and the proxy settings."
            )
            error.message = f"Cannot reach LLM Engine: {error.message} {advice}"
        error.args = (error.message,)


class _Decoding(Generic[T]):
    """A stream's state between its chunks."""

    def __init__(self, operation: StreamOperation[T]) -> None:
        self.decoder = SSEDecoder()
        self.reader = operation.reader()

    def events(self, chunk: bytes) -> Iterator[T]:
        """The events that a chunk completes, one by one: an error event comes after those before it."""
        for data in self.decoder.feed(chunk):
            event = self.reader.feed(data)
            if event is not None:
                yield event

    def first(self, chunk: bytes) -> Iterator[T] | None:
        """The events that a chunk completes, if it completes any; reads the first of them, so that its error comes out here."""
        events = self.events(chunk)
        for event in events:
            return chain((event,), events)
        return None


def _check_stream(reply: Incoming | AsyncIncoming) -> None:
    kind = reply.headers.get("content-type", "text/event-stream")
    if "event-stream" not in kind:
        raise InvalidResponseError(f"The server answered a stream with {kind}.", status_code=reply.status)


def _is_success(status: int) -> bool:
    return 200 <= status < 300  # noqa: PLR2004 - HTTP's own classes


def _note(request: Request, status: int, started: float) -> None:
    if _log.isEnabledFor(logging.DEBUG):
        _log.debug("%s %s -> %d in %.3f s", request.method, request.path, status, time.perf_counter() - started)


def _again(first: Exception, attempt: Callable[[], T]) -> Callable[[], T]:
    """`attempt` as tenacity's function, with the failure that has already happened as its first try.

    So a call that succeeds at once never pays for tenacity.
    """
    failed = [first]

    def call() -> T:
        if failed:
            raise failed.pop()
        return attempt()

    return call


class SyncTransport(_Driver):
    """Runs operations, blocking."""

    def __init__(self, settings: Settings, backend: Backend) -> None:
        super().__init__(settings)
        self._backend = backend

    def run(self, operation: Operation[ReplyT]) -> ReplyT:
        """Send one request and return its typed reply, trying again where that is allowed."""
        return self._retrying(operation.request, lambda: self._once(operation))

    @contextmanager
    def stream(self, operation: StreamOperation[T]) -> Generator[Iterator[T]]:
        """Open a stream; entering waits for its first event, and tries again until then where that is allowed."""
        reply, events = self._retrying(operation.request, lambda: self._open(operation))
        try:
            yield events
        finally:
            reply.close()

    def drive(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        answer: object = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer = self._step(step)

    def close(self) -> None:
        """Close the connections."""
        self._backend.close()

    def _step(self, step: Operation[Any] | Sleep) -> object:
        return time.sleep(step.seconds) if isinstance(step, Sleep) else self.run(step)

    def _retrying(self, request: Request, attempt: Callable[[], T]) -> T:
        try:
            return attempt()
        except LLMEngineError as error:
            if not self.retries(request, error):
                raise
            first = error
        try:
            return Retrying(**self.policy(request))(_again(first, attempt))
        except LLMEngineError as error:
            self.explain(error)
            raise

    def _once(self, operation: Operation[ReplyT]) -> ReplyT:
        reply = self._send(operation.request)
        try:
            return operation.parse(reply.read())
        finally:
            reply.close()

    def _send(self, request: Request) -> Incoming:
        started = time.perf_counter()
        reply = self._backend.send(self.outgoing(request))
        _note(request, reply.status, started)
        if _is_success(reply.status):
            return reply
        try:
            raise from_reply(reply.status, reply.headers, reply.read())
        finally:
            reply.close()

    def _open(self, operation: StreamOperation[T]) -> tuple[Incoming, Iterator[T]]:
        reply = self._send(operation.request)
        try:
            _check_stream(reply)
            decoding, chunks = _Decoding(operation), reply.chunks()
            for chunk in chunks:
                if (first := decoding.first(chunk)) is not None:
                    return reply, self._events(first, chunks, decoding)
            decoding.reader.end()
        except BaseException:
            reply.close()
            raise
        return reply, iter(())

    @staticmethod
    def _events(first: Iterator[T], chunks: Iterator[bytes], decoding: _Decoding[T]) -> Generator[T]:
        yield from first
        try:
            for chunk in chunks:
                yield from decoding.events(chunk)
        except APIConnectionError:
            if not decoding.reader.finished:
                raise
        decoding.reader.end()


class AsyncTransport(_Driver):
    """Runs operations on the running event loop."""

    def __init__(self, settings: Settings, backend: AsyncBackend) -> None:
        super().__init__(settings)
        self._backend = backend

    async def run(self, operation: Operation[ReplyT]) -> ReplyT:
        """Send one request and return its typed reply, trying again where that is allowed."""
        return await self._retrying(operation.request, lambda: self._once(operation))

    @asynccontextmanager
    async def stream(self, operation: StreamOperation[T]) -> AsyncGenerator[AsyncIterator[T]]:
        """Open a stream; entering waits for its first event, and tries again until then where that is allowed."""
        reply, events = await self._retrying(operation.request, lambda: self._open(operation))
        try:
            async with aclosing(events):
                yield events
        finally:
            await reply.close()

    async def drive(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        answer: object = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer = await self._step(step)

    async def close(self) -> None:
        """Close this event loop's connections."""
        await self._backend.close()

    async def _step(self, step: Operation[Any] | Sleep) -> object:
        return await (asyncio.sleep(step.seconds) if isinstance(step, Sleep) else self.run(step))

    async def _retrying(self, request: Request, attempt: Callable[[], Awaitable[T]]) -> T:
        try:
            return await attempt()
        except LLMEngineError as error:
            if not self.retries(request, error):
                raise
            first = error
        begin = _again(first, attempt)

        async def call() -> T:
            return await begin()

        try:
            return await AsyncRetrying(**self.policy(request))(call)
        except LLMEngineError as error:
            self.explain(error)
            raise

    async def _once(self, operation: Operation[ReplyT]) -> ReplyT:
        reply = await self._send(operation.request)
        try:
            return operation.parse(await reply.read())
        finally:
            await reply.close()

    async def _send(self, request: Request) -> AsyncIncoming:
        started = time.perf_counter()
        reply = await self._backend.send(self.outgoing(request))
        _note(request, reply.status, started)
        if _is_success(reply.status):
            return reply
        try:
            raise from_reply(reply.status, reply.headers, await reply.read())
        finally:
            await reply.close()

    async def _open(self, operation: StreamOperation[T]) -> tuple[AsyncIncoming, AsyncGenerator[T]]:
        reply = await self._send(operation.request)
        try:
            _check_stream(reply)
            decoding, chunks = _Decoding(operation), reply.chunks()
            async for chunk in chunks:
                if (first := decoding.first(chunk)) is not None:
                    return reply, self._events(first, chunks, decoding)
            decoding.reader.end()
        except BaseException:
            await reply.close()
            raise
        return reply, self._events(iter(()), chunks, decoding)

    @staticmethod
    async def _events(first: Iterator[T], chunks: AsyncIterator[bytes], decoding: _Decoding[T]) -> AsyncGenerator[T]:
        for event in first:
            yield event
        try:
            async for chunk in chunks:
                for event in decoding.events(chunk):
                    yield event
        except APIConnectionError:
            if not decoding.reader.finished:
                raise
        decoding.reader.end()
