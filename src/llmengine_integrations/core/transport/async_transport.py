"""The transport for event loops: an async version of `sync_transport.py`. Only `AsyncClient` loads it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, closing
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from tenacity import AsyncRetrying

from .._steps import Done, Emit, Local, Now, Sleep, Transfer, advance
from .._timeouts import in_time
from ..errors import APITimeoutError, LLMEngineError, from_reply
from .base import BaseTransport, Decoding, again, check_stream, is_success, log_request, parsed
from .reply_bodies import aexplanation, aread
from .stream import AsyncOpening, AsyncStream

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .._operation import Operation, Request, StreamOperation
    from .._settings import Settings
    from .._steps import Feed, Flow, Step
    from .backend import AsyncBackend, AsyncIncomingReply

T = TypeVar("T")
ReplyT = TypeVar("ReplyT", bound="BaseModel")


class AsyncTransport(BaseTransport):
    """Runs operations on the running event loop."""

    def __init__(self, settings: Settings, backend: AsyncBackend) -> None:
        super().__init__(settings)
        self._backend = backend

    async def run(self, operation: Operation[ReplyT]) -> ReplyT:
        """Send one request and return its typed reply, with retries where they are allowed."""
        request = self.with_deadline(operation.request)
        return await self._retrying(request, partial(self._once, operation, request))

    def stream(self, operation: StreamOperation[T]) -> AsyncOpening[T]:
        """Return a stream to open. Entering it waits for its first event, with retries until then where they are allowed."""
        return AsyncOpening(self._opened(operation))

    @asynccontextmanager
    async def _opened(self, operation: StreamOperation[T]) -> AsyncGenerator[AsyncIterator[T]]:
        request = self.with_deadline(operation.request)
        async with aclosing(await self._retrying(request, lambda: self._open(operation, request))) as stream:
            yield stream

    async def send_raw(self, request: Request, take: Callable[[AsyncIncomingReply], Awaitable[T]]) -> T:
        """Send one request and return what `take` makes of its reply. Retries repeat both, where they are allowed."""
        request = self.with_deadline(request)

        async def attempt() -> T:
            reply = await self._send(request)
            try:
                return await take(reply)
            finally:
                await reply.close()

        return await self._retrying(request, attempt)

    def for_other_hosts(self, proxy: str | None) -> AsyncBackend:
        """Return a backend for hosts other than the gateway. The caller closes it."""
        return self._backend.for_other_hosts(proxy)

    async def drive(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        with closing(flow):
            step = advance(flow)
            while not isinstance(step, Done):
                step = advance(flow, *await self._outcome(step))
        result: T = step.result
        return result

    async def follow(self, feed: Feed[T]) -> AsyncGenerator[T]:
        """Run a flow and yield what it emits. Closing this closes the flow."""
        with closing(feed):
            step = advance(feed)
            while not isinstance(step, Done):
                if isinstance(step, Emit):
                    yield step.item
                    step = advance(feed)
                else:
                    step = advance(feed, *await self._outcome(step))

    async def close(self) -> None:
        """Close this event loop's connections."""
        await self._backend.close()

    async def _outcome(self, step: Step) -> tuple[object, Exception | None]:
        try:
            return await self._step(step), None
        except Exception as error:  # noqa: BLE001 - the flow decides how to handle it
            return None, error

    async def _step(self, step: Step) -> object:
        match step:
            case Sleep():
                return await asyncio.sleep(step.seconds)
            case Now():
                return time.monotonic()
            case Local():
                return await asyncio.to_thread(step.work)
            case Transfer():
                return await step.arun(self)
            case _:
                return await self.run(step)

    def _retrying(self, request: Request, attempt: Callable[[], Awaitable[T]]) -> Awaitable[T]:
        tries = self._tries(request, attempt)
        return tries if request.deadline is None else self._in_time(tries, request.deadline)

    async def _in_time(self, tries: Awaitable[T], deadline: float) -> T:
        try:
            return await in_time(tries, deadline)
        except APITimeoutError as error:
            self.explain(error)
            raise

    async def _tries(self, request: Request, attempt: Callable[[], Awaitable[T]]) -> T:
        try:
            return await attempt()
        except LLMEngineError as error:
            if not self.retries(request, error):
                raise
            first = error
        begin = again(first, attempt)

        async def call() -> T:
            return await begin()

        try:
            return await AsyncRetrying(**self.policy(request))(call)
        except LLMEngineError as error:
            self.explain(error)
            raise

    async def _once(self, operation: Operation[ReplyT], request: Request) -> ReplyT:
        reply = await self._send(request)
        try:
            return parsed(operation, reply.status, await aread(reply))
        finally:
            await reply.close()

    async def _send(self, request: Request) -> AsyncIncomingReply:
        started = time.perf_counter()
        reply = await self._backend.send(self.outgoing(request))
        log_request(request, reply.status, started)
        if is_success(reply.status):
            return reply
        try:
            raise from_reply(reply.status, reply.headers, await aexplanation(reply))
        finally:
            await reply.close()

    async def _open(self, operation: StreamOperation[T], request: Request) -> AsyncStream[T]:
        reply = await self._send(request)
        try:
            check_stream(reply)
            decoding, chunks = Decoding(operation, reply.status), reply.chunks()
            if request.deadline is not None:
                chunks = _timely(cast("AsyncGenerator[bytes]", chunks), request.deadline)
            async for chunk in chunks:
                if (first := decoding.first(chunk)) is not None:
                    return AsyncStream(reply, decoding, self.broken_off, first, chunks)
            decoding.reader.end()
        except BaseException:
            await reply.close()
            raise
        return AsyncStream(reply, decoding, self.broken_off, iter(()), chunks)


async def _timely(chunks: AsyncGenerator[bytes], deadline: float) -> AsyncGenerator[bytes]:
    """Yield a body, until the deadline."""

    async def following() -> bytes | None:
        return await anext(chunks, None)

    async with aclosing(chunks):
        while (chunk := await in_time(following(), deadline)) is not None:
            yield chunk
